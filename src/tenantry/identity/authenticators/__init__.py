"""Proofs of a person's identity: a code by mail, a passkey, a password, an authenticator app."""
