"""The operations of the API, read from the contract."""
