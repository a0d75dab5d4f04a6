"""Texts as data, for pages and docs alike: guides for admins of providers, and errors explained."""
