"""The operator's console, `/console`: pages for the people who run the deployment.

Owns the sign-in of operators and every page that they see. A page asks the API, as the operator,
for all that it shows or changes: so the rules are those of the API. A subject has a module or its
own folder, whose `pages` web.py lists.
"""
