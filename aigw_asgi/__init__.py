"""The shell of aigw: sockets, files, clocks and dice around ``aigw_core``."""
