"""Log streams: every event, in the order of the event log, to where the operator keeps logs.

A file, a syslog server or an OTLP endpoint, at least once each; set by `TENANTRY_LOG_STREAMS`.
"""

__all__ = ["service"]
