"""Settings, branding, token claims and keys of the environment."""
