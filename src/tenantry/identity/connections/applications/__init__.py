"""Connections by which applications reach other services, and the catalogue of such services."""
