export default {
  parts: {
    "1": "The gateway's own log, live, by level, logger and text",
  },
};
