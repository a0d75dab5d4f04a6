"""Making and changing connections, by their admins and by the worker, and moving them elsewhere.

`changing.py` checks the given values and asks the provider, `registry.py` writes in a transaction;
`refreshing.py` is the worker, and `looks.py` says when it looks at which.
"""
