"""Paths of PATCH (RFC 7644 section 3.5.2): what of a resource an operation is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.tenants.directories.scim.faults import Fault, shown
from tenantry.tenants.directories.scim.filters import Reader
from tenantry.tenants.directories.scim.schemas import AttributePath, Record, attribute_path

if TYPE_CHECKING:
    from tenantry.tenants.directories.scim.filters import Filter


@dataclass(slots=True, eq=False, repr=False)
class Path(Record):
    """An attribute of a schema, its values that a filter holds for, and a sub-attribute of these.

    The schema is None for attributes of core schemas; an empty name is a whole extension. Names
    that we know are in their canonical spelling.
    """

    schema: str | None
    name: str
    filter: Filter | None = None
    sub: str | None = None

    def __str__(self) -> str:
        """Return it as patches have it."""
        text = str(AttributePath(self.schema, self.name))
        text = text if self.filter is None else f"{text}[{self.filter}]"
        return f"{text}.{self.sub}" if self.sub else text


def parse(text: str) -> Path:
    """Return the path that a text says: ``attr``, ``attr.sub``, ``attr[filter]``, ``attr[…].sub``.

    Any of them may begin with the schema's URN; a URN alone is the whole extension.
    """
    if "[" not in text:
        try:
            path = attribute_path(text)
        except ValueError:
            raise invalid(text) from None
        return Path(path.schema, path.name, None, path.sub)
    reader = Reader(text)
    try:
        path = attribute_path(reader.take())
    except ValueError:
        raise invalid(text) from None
    if reader.peek() != "[" or path.sub or not path.name:
        raise invalid(text)
    found = reader.selection(path)
    rest = reader.take()
    reader.end()
    if not rest:
        return Path(path.schema, path.name, found)
    try:
        after = attribute_path(f"{path}{rest}") if rest.startswith(".") else path
    except ValueError:
        raise invalid(text) from None
    if not after.sub or ":" in rest:
        raise invalid(text)
    return Path(path.schema, path.name, found, after.sub)


def invalid(text: str) -> Fault:
    """Return the refusal of a path."""
    return Fault(400, "invalidPath", f"The path {shown(text)} is not one of an attribute.")
