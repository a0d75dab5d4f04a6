"""All HTML pages stand on this: rendering, words, assets, refusals, the answer after a form.

Owns the one Jinja environment, the words of all pages (`words/`, to which a site adds its own), the
assets with their caching, the brand of a deployment, the templates of more than one site, and the
problems of a form on their way to its page. Does not own the subject of a page: a site has its
templates, words and handlers.
"""
