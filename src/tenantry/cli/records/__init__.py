"""Commands that show events, emails and log lines."""
