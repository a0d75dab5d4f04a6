"""The MCP server at `/mcp`: the API as tools for agents of operators.

Owns the endpoint of the Model Context Protocol over Streamable HTTP: its messages (`json_rpc`), the
tools and their toolsets (`tools`), and calls with dry run and confirmation (`calls`). A tool calls
an rpc in process, so policy, validation and events are those of the API.
"""
