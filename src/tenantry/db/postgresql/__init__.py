"""PostgreSQL, one server or several: connections, statements, standbys, PgBouncer and Citus."""
