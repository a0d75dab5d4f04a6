"""Archives of an environment or an organization: export and restore."""
