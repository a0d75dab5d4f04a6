"""Guides in Markdown."""
