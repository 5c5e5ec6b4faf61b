export default {
  parts: {
    "1": "The verdict on the gateway's health, in one line",
    "2": "Requests per second, error rate, time to first token, tokens per second",
    "3": "Requests, errors and latency over time",
    "4": "A card for each group of credentials",
    "5": "Where traffic goes, and the last errors grouped by cause",
  },
};
