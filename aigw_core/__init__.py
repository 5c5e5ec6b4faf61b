"""The sans-IO core of aigw: bytes, inputs and the time in; events, commands and bytes out."""
