"""The overview: a few figures of all rooms, about tenants, sign-ins and queues.

Owns no table: each room counts its own, within a bound, and here the figures come together.
"""

__all__: list[str] = []
