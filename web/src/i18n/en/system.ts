export default {
  parts: {
    "1": "Version, uptime, process, workers, listeners, connections",
    "2": "Reloads and the audit trail",
    "3": "Reload, drain, support bundle",
  },
};
