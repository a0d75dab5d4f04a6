"""Passkeys: Web Authentication (W3C, level 3) credentials of people.

What browsers and authenticators say is checked by the library `webauthn`; challenges, rows and
rules are here.
"""
