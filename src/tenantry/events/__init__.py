"""Events and the places that they go to: the log, webhooks, log streams, interceptors, mail."""
