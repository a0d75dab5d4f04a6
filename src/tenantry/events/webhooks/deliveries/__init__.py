"""Deliveries: the queue, attempts, results, and deliveries on demand."""
