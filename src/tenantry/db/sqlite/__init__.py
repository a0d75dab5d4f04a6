"""SQLite: connections, the writer, backups."""
