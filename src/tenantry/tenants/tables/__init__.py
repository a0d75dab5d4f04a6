"""Tables that packages below their owner read.

A query of users returns their identities at connections, and joining an organization checks its
directories. The tables are declared here, below all of these packages. Their owner exports them in
its `model.py`, with the indexes and the records, and no other package writes to them.
"""

__all__ = ["directories", "identities", "memberships"]
