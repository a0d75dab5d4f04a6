"""Users: people, their memberships in organizations, and the invitations that lead to one.

One user for one e-mail address. What somebody may do in an organization is the room ``roles``'.
"""
