"""The event log: the order in which events came to be seen, and the proof that none was touched.

Owns the positions that events get (`sequencing`), the chains of hashes over them (`chain`,
`verification`), how long events are kept (`retention`) and how a person's data leaves them
(`erasure`); the lists of events, the search of all of them (`records`) and the envelope that they
are shown in. The table `events` itself is written by `tenantry.db` with each change
(docs/decisions/0008-event-log.md).
"""

__all__ = ["envelopes", "erasure", "exporting", "following", "listing", "model", "sequencing"]
