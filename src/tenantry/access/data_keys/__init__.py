"""Data keys, which seal the secrets of the database, and the master keys that wrap what wraps them.

Owns their creation, activation and destruction, and the encryption of existing values with new
keys. `tenantry.crypto.vault` encrypts a value, `tenantry.db.sql.encrypted_columns` lists the
encrypted columns, and `tenantry.db.encryption.key_rows` keeps the keys that a process knows. See
docs/decisions/0036-data-keys.md.
"""
