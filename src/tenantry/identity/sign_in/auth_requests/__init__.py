"""Auth requests: their states, their cookies, and what is counted of them."""
