"""The frames of pages, with a navigation."""
