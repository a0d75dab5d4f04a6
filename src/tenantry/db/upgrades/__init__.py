"""The steps of an upgrade that are made outside its transaction, and its locks."""
