"""Tables that packages below their owner read.

A query of users returns their identities at connections, and joining an organization checks its
directories. The tables are declared here, below all of these packages. Their owner exports them in
its `model.py`, next to their indexes and records.
"""

__all__ = ["directories", "identities", "memberships"]
