"""How often something may be tried: counted in the database, so that all processes count together.

For what one guesses or floods, by account and by address. The rate limits of clients are those of
`tenantry.rate_limits`.
"""
