"""The ways in which people sign in, as connections: for now those of the environment.

Their ids stand in tokens (`amr`), in the log of sign-ins and in events.
"""

__all__ = ["model", "service"]
