"""Commands for organizations, users and their sign-ins."""
