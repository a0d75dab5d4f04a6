"""Proof of an e-mail address: a code and a link in one mail.

For applications (PasswordlessService) and for our own sign-in pages. Codes and links are made from
the request by a key that is not in the database; neither table nor outbox holds one.
"""

__all__ = ["model", "service"]
