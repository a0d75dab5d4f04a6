"""Counts of activity by hour and day, for the charts of the console. Owns both of its tables.

A request adds to a dictionary of its process (`counters`); the rows are written some seconds later,
and the processes of a deployment add to the same rows.
"""

__all__ = ["counters", "model", "series"]
