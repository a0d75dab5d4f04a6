"""Domains: those that an organization owns, and those whose people may join it."""

__all__ = ["email_domains", "model", "service"]
