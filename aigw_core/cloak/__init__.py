"""The cloak: what an operator does not want a vendor to see is replaced on the way out
and put back on the way in. For upstreams of the Messages format only."""
