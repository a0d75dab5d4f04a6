"""The rows of events: reading them in order, and their partitions."""
