"""The pages by which one organization is set up: by its admin with a link, and by its members.

Owns `/portal`, the admin portal with its links, sessions and frames, and `/ui/organization`, the
same subjects and more for members with the permissions. `visit.py` says which visitor sees which;
each subject has its own module or folder, whose `pages` web.py lists.
"""
