"""The endpoint for files of users: `POST /api/v1/users:import`, and the contract's rules for a row.

It owns no rule: a row is checked as the message that would create the user.
"""
