"""Passwords: hashing (Argon2id, RFC 9106), verifying what an import brought, rules for new ones."""
