"""The overview: a few figures of all packages, about tenants, sign-ins and queues.

Owns no table: each package counts its own, within a bound, and here the figures come together.
"""

__all__ = ["totals"]
