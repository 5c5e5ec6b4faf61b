"""SQLite as a store: one file for each purpose, shared by the processes of one machine."""
