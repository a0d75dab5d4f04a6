"""Tenantry: a self-hosted identity server for B2B SaaS products."""

__version__ = "0.1.0"
