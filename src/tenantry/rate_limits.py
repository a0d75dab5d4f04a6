"""How many requests a client or an address may make in a time."""
