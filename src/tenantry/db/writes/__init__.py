"""Writing rows: at once, later, in turn, and once per idempotency key."""
