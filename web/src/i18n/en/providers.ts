export default {
  parts: {
    "1": "Providers with their credentials and how each one does",
    "2": "Test, fetch models, clear a cooldown",
    "3": "Add, edit, disable, delete",
  },
};
