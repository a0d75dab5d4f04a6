"""Credentials of clients, and the revocation of tokens."""
