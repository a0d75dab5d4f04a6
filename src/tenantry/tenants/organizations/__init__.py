"""Organizations: the tenants themselves, with names, metadata, settings, policies and branding.

One row each. Owns nothing of what an organization holds (members, connections, links): those rooms
refer to it and go when it goes.
"""
