"""Signing keys: one that signs, the next one published ahead of its use, and those that retired.

So it is for each algorithm: RS256 always, ES256 from the day that a client first asks for it. A
token in flight never fails over a rotation: verifiers know a key before it first signs and until
the last token that it signed has expired. One that somebody else may have is revoked instead, with
all that lay beside it: what it has signed is refused at once. Private keys are encrypted at rest.
"""

__all__ = ["model", "service"]
