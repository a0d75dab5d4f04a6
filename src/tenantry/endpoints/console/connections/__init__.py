"""Connections: those of the environment, and those of all organizations."""
