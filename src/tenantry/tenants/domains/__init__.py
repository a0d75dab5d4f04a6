"""Domains: those that an organization owns, and those whose people may join it."""
