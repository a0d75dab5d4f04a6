"""Encryption of stored values, the master key and the services that hold it."""
