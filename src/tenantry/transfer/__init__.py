"""Rows of many organizations in and out at once."""
