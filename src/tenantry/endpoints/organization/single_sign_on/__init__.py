"""Connections by which an organization's people sign in: `pages.py` lists the pages of them.

One connection has a page that says how far it is, and one for each step: the provider's guide, its
details, its attributes, tests and failed sign-ins, and settings. Each shows what there is and takes
a part of it, so that somebody may begin anywhere, and come back.
"""
