"""The people and groups of directories as rows: changed, held, searched, listed.

Each change is one transaction, with its effects inside; groups have members by their own rows.
"""
