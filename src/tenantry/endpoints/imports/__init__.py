"""The endpoint for files of users: `POST /api/v1/users:import`."""
