export default {
  parts: {
    "1": "Strategy, failover, retry, cooldown and payload rules",
    "2": "Explain: where a request would go, and why",
  },
};
