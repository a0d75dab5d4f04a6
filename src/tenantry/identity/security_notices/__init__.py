"""Mails to a person about changes to their account, and their word that it was not them.

One goes out for each proof that is added, removed or used to recover, and for a sign-in from a new
device. Its link ends all of the person's sessions, and takes no sign-in.
"""

__all__ = ["links", "service"]
