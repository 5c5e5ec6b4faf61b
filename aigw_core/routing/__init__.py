"""Which targets a request may be sent to, in which order, and when to try the next."""
