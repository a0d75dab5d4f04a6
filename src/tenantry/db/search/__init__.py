"""Searches by a part of a text."""
