"""Lists: by key, by ranges of keys, by a condition without an index."""
