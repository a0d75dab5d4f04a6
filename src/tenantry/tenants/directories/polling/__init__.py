"""Reading the directory of a customer that pushes nothing: Google Workspace, by its Directory API.

Owns the service accounts by which it is read, and the state of a poll under way.
"""

__all__: list[str] = []
