"""The event log over HTTP as it grows, and as a file: `events:stream` and `events:export`.

Owns the two routes and how they are written (NDJSON, Server-Sent Events). The log's content and
order are `tenantry.events.event_log`'s.
"""
