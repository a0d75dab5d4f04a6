"""Tenantry: a self-hosted home for the tenants of a B2B SaaS product."""

__version__ = "0.1.0"
