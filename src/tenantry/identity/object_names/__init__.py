"""Display names of objects, looked up by ID for lists that refer to several kinds of object.

Owns no table: it reads a few columns of the tables of other packages.
"""

__all__ = ["service"]
