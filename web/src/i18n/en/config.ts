export default {
  parts: {
    "1": "The configuration file with the gateway's own diagnostics",
    "2": "Review, apply, undo",
    "3": "The effective configuration with the source of each value",
  },
};
