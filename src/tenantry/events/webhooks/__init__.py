"""Webhooks: where events are sent, the queue of each place, and its deliveries.

An endpoint is an address of the operator or of one organization's, with the types of events that
go there and a secret that signs them. An event of the log is queued for each endpoint that takes
it, sent by the worker, tried again when it fails, and kept as long as the setting says.
"""

__all__ = ["catalogue", "deliveries.figures", "deliveries.pruning", "model", "shapes"]
