"""Organizations and what they hold: domains, users, roles, links into the admin portal."""
