"""Email: an outbox that other packages put email into, and what the worker does with it.

A mail is queued with the change that causes it, in the same commit, and goes out later: no call
waits for a mail server or fails with it. Delivered at least once, tried again for a day.
"""

__all__ = ["branding", "custom_templates", "model", "rendering", "service", "words"]
