"""The admin portal's door: opening a link, and the page that its session sees.

Owns the session cookie. Links and their lifetime are `portal_links`'s concern.
"""
