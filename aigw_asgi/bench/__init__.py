"""What ``aigw bench`` needs beside the gateway: an upstream, a client, and their processes."""
