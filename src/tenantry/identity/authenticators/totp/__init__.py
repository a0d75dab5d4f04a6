"""One-time passwords by time (RFC 6238) as a second factor, and the codes to recover without."""

__all__ = ["model", "service", "step_up"]
