"""Commands for keys that sign and encrypt."""
