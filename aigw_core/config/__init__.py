"""Configuration: Structs, checks, and the compiled snapshot that requests run on."""
