export default {
  parts: {
    "1": "A histogram of the range by status class, to narrow the range",
    "2": "The requests, newest first, with those in progress on top",
    "3": "Filters as chips, export, copy as curl",
    "4": "A request in detail: timeline, both streams, bodies, routing, losses, log",
  },
};
