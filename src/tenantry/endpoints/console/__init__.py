"""The operator's console, `/console`: pages for the people who run the deployment.

Owns the sign-in of operators and every page that they see. A page reads and changes data through
the API, as the operator, so the rules of the API apply. A subject has a module or its own folder,
whose `pages` web.py lists.
"""
