"""The language of SCIM 2.0: what a request says, and how an answer is written, as pure functions.

Nothing here reads a clock, a database or the network. `schemas.py` has the attributes as data,
`discovery.py` shows them; `filters.py` and `paths.py` read the grammars; `resources.py` and
`patches.py` read what providers send, as they send it, and write answers; `faults.py` is the
refusal. All of it is bounded, before it is read.

Sections are of RFC 7643 (schemas) and RFC 7644 (protocol).
"""
