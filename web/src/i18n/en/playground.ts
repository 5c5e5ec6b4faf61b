export default {
  parts: {
    "1": "A request in any of the four formats, to any model",
    "2": "The answer as a reader sees it, and both streams joined",
    "3": "Usage, cost, timings, route",
  },
};
