"""What a chunk costs, counted and not timed: calls of the kernel, wake-ups, memory."""
