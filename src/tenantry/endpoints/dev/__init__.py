"""Shown by a server for development alone (TENANTRY_DEVELOPMENT): mail not sent, and the design.

It asks for no password, so it answers only to the names of this machine and to its own.
"""
