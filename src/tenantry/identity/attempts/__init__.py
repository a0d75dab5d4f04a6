"""How often something may be tried: counted in the database, so that all processes count together.

Guesses and floods are limited, by account and by address. The rate limits of clients are those of
`tenantry.rate_limits`.
"""

__all__ = ["service"]
