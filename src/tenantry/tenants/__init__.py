"""Organizations and what they hold: memberships, domains, users, roles, links into the portal."""
