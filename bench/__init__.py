"""Benchmarks: scripts that print one table and are run by hand."""
