"""What all HTML pages share: how they are rendered, their words, what they load, how they refuse.

Owns the one Jinja environment, the catalogues of words in each language (`words/`, to which a door
adds its own), the assets with their caching, the brand of a deployment, and the templates that more
than one door uses. Does not own what a page is about: a door has its templates, words and handlers.
"""
