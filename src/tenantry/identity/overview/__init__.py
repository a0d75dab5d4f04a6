"""The overview: what is there, what happens and what waits, in a few figures.

Owns no table: each room counts its own, within a bound, and here the figures come together.
"""

__all__: list[str] = []
