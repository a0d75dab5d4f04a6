"""Emails, servers and templates."""
