export default {
  parts: {
    "1": "Series over the range by model, provider, client format, key and status",
    "2": "Distributions of latency, first token and gaps between chunks",
    "3": "Tokens and cost",
  },
};
