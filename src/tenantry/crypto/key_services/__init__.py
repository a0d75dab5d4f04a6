"""Master keys that stay in a service: AWS KMS, Cloud KMS, the transit engine of Vault.

Each is a `tenantry.crypto.master_key.MasterKey`, found by the scheme of its URL. A package adds
another one by an entry point of the group ``tenantry.master_keys``, whose name is the scheme. They
are asked when a process opens the database and when the master key changes, so a service that is away
later holds up nobody. An answer is bounded, and no error shows more of it than its kind.
"""
