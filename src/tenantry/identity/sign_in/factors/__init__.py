"""Authentication factors: the methods that a sign-in offers, and known inboxes."""
