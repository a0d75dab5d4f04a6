"""Management clients: the programs that may call the API, and their secrets.

A secret is shown once and kept as a hash. Two live side by side while one replaces the other.
"""
