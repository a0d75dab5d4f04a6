"""The admin portal's door: opening a link, and the page that its session sees.

Owns the session cookie. What a link is and how long it lives is `portal_links`'s concern.
"""
