"""Master keys that stay in a service: AWS KMS, Cloud KMS, the transit engine of Vault.

Each is a `tenantry.crypto.master_key.MasterKey`, found by the scheme of its URL. A package adds
another one by an entry point of the group ``tenantry.master_keys``, whose name is the scheme. They
are asked when a process opens the database and when the master key changes, so a later outage of
the service affects no request. Responses are limited in size, and errors show only their kind.
"""
