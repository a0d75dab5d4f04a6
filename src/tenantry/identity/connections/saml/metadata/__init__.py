"""Metadata of identity providers, and our own."""
