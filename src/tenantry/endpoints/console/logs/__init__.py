"""The event log and the log of sign-ins."""
