"""How requests come in: the API on its three wires, the OpenID Provider, pages, files."""
