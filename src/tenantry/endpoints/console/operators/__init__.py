"""Operators: signing in, their own page, and the operators of a deployment."""
