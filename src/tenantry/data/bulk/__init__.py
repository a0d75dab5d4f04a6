"""People in bulk: a file of users comes in, the whole environment goes out and comes back.

Owns no table. It writes those of the rooms below, a batch of rows with each statement, by their
own rules: what one call may not do, a file may not either.
"""

__all__ = ["formats", "importing"]
