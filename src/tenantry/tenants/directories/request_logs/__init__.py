"""The requests of identity providers, kept for administrators."""
