"""Storage: the database, its statements, transactions, page tokens and migrations.

Tables and statements are SQLAlchemy Core expressions, compiled once for each database and run on
the driver itself: no session, no result objects in between (docs/decisions/0001-statements.md).
Owns the tables that belong to no domain package: events, environment, data keys, tallies, kept
replies, counts of activity.
"""
