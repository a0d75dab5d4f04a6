"""Uploaded pictures: `/assets/{id}.png`, and `/assets/uploads/{token}` where one is sent."""
