"""Data keys, which seal the secrets of the database, and the master keys that wrap what wraps them.

Owns their making, activation and destruction, and that what they sealed is sealed anew. How a value
is sealed is `tenantry.vault`; which columns are, `tenantry.db.sealed`; what each process knows of
the keys, `tenantry.db.key_rows`. See docs/decisions/0036-data-keys.md.
"""
