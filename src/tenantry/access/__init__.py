"""Programs that call: clients and their secrets, signing keys, API keys."""
