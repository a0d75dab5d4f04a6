"""Applications, API keys and roles."""
