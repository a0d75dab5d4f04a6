"""The end of sessions, and the notices to applications."""
