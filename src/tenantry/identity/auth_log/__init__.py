"""The log of sign-ins: auth requests as AuditLogsService lists them, and for how long they stay.

The table is that of `sign_in`, which writes it.
"""

__all__ = ["figures"]
