"""Webhooks and interceptors."""
