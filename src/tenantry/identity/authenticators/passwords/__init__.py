"""Passwords: hashing (Argon2id, RFC 9106), verifying imported hashes, rules for new ones."""

__all__ = ["hashes", "service"]
