"""Interceptors: the product's say in sign-up, sign-in, invitations and tokens."""

__all__ = ["model", "service"]
