"""Imports of users, and archives of an environment or an organization.

Owns no table. It writes those of other packages, a batch of rows with each statement, by the rules
of those packages: a file may contain only what a call may do.
"""

__all__ = ["formats", "importing", "report"]
