"""Data keys in the database, and the encryption of all values with a new one."""
