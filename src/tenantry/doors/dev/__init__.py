"""Shown by a server for development alone (TENANTRY_DEVELOPMENT): the mail that was not sent.

It asks for no password, so it answers only to the names of this machine and to its own.
"""
