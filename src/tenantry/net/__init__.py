"""HTTP requests and responses, outgoing requests, domain names and e-mail addresses."""
