"""Making and changing connections, by their admins and by the worker, and moving them elsewhere.

`changing.py` checks the given values and asks the provider; `service.py` of the package above
writes in a transaction. The worker runs `refreshing.py`; `check_schedule.py` decides when each
is due.
"""
