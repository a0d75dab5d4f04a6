"""The pages of the simulated identity provider, for development: whose sign-in, or which error.

Owns the addresses below `/simulator`, also those that a real provider would have for programs. A
server that is not for development has none of them.
"""
