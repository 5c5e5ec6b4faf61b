export default {
  parts: {
    "1": "Client keys with limits, use and expiry",
    "2": "Create a key, shown once",
  },
};
