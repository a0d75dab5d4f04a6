"""OpenID Connect of a relying party: messages out and in, as pure functions of what they are given.

Nothing here reads a clock, a database or the network; `providers/fetching.py` is the one that asks
providers. Functions raise `OIDCError` for a message that is not valid. Sections are of OpenID
Connect Core 1.0 unless another document is named.
"""
