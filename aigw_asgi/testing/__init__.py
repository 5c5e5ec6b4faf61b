"""For tests of programs that are built on aigw, or stand behind it."""
