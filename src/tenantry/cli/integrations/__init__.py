"""Commands for applications, clients and webhooks."""
