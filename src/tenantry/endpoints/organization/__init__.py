"""The pages by which one organization is set up: by its admin with a link, and by its members.

Owns `/portal`, the admin portal with its links, sessions and frames, and `/ui/organization`, the
same subjects and more for members with the permissions. `visit.py` says which visitor sees which;
a subject has a module or folder of its own, whose `pages` web.py lists.
"""
