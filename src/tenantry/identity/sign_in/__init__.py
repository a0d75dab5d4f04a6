"""Signing in: an authorization request on its way to a code, or to an error.

Owns the auth requests, their states and the one table of transitions, and the log of sign-ins.
Pages are `login`'s concern, proofs are those of `passwordless`, `passkeys`, `passwords` and `totp`.
"""
