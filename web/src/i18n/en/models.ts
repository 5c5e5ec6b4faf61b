export default {
  parts: {
    "1": "What a client may ask for, and what it gets",
    "2": "What happens if a client asks for a name",
  },
};
