"""The effects of a change in a directory: on accounts, memberships and roles, and its events."""
