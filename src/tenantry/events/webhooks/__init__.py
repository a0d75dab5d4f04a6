"""Webhooks: where events are sent, what is queued for each place, and what became of it.

An endpoint is an address of the operator or of one organization's, with the types of events that
go there and a secret that signs them. What the log tells is queued for each endpoint that takes
it, sent by the worker, tried again when it fails, and kept as long as the setting says.
"""
