"""What happened and where it goes: the log, webhooks, log streams, interceptors, mail."""
