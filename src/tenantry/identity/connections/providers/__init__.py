"""Our knowledge of providers, and asking them: the social ones, metadata, certificates."""
