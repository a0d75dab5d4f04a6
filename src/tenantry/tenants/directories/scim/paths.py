"""Paths of PATCH (RFC 7644 section 3.5.2), and the places in a document where values belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.tenants.directories.scim.faults import Fault, quotable
from tenantry.tenants.directories.scim.filters import Reader
from tenantry.tenants.directories.scim.schemas import (
    COMMON,
    CUSTOM_ID,
    ENTERPRISE,
    KNOWN,
    READ_ONLY,
    USER,
    VERSIONED,
    AttributePath,
    Record,
    attribute_path,
)
from tenantry.tenants.directories.scim.values import anything, members_of, value_of

if TYPE_CHECKING:
    from tenantry.tenants.directories.scim.filters import Filter
    from tenantry.tenants.directories.scim.schemas import Attribute, Schema


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
    return Fault(400, "invalidPath", f"The path {quotable(text)} is not an attribute path.")


_COMMON = {one.name.casefold(): one for one in COMMON}
_SCHEMAS = _COMMON["schemas"]


@dataclass(slots=True, eq=False, repr=False)
class Place:
    """Where in a document a value stands, and what we know of its attribute.

    The URN is that of an extension, or "". Without a name this is the extension as a whole. There
    is no definition of attributes in an extension that we do not know, and of sub-attributes of a
    custom attribute that is an object.
    """

    urn: str
    name: str
    sub: str | None
    attribute: Attribute | None

    @classmethod
    def of(
        cls, key: str, schema: Schema, custom: Schema | None, *, whole: bool = False
    ) -> Place | None:
        """Return the place of a member's name, which may be a path; None for one that is not kept.

        ``whole`` says that its value is an object, as that of an extension is.
        """
        known = schema.find(key)
        if known:
            return None if known.mutability == READ_ONLY else cls("", known.name, None, known)
        try:
            path = attribute_path(key)
        except ValueError:
            return None
        if _is_open(path):
            if not path.name and not whole:
                return None
            if path.name and whole and not VERSIONED.fullmatch(path.schema or ""):
                path = AttributePath(key, "")
        return cls.at(path, schema, custom)

    @classmethod
    def at(cls, path: AttributePath, schema: Schema, custom: Schema | None) -> Place | None:
        """Return the place of a path; None for one that is not kept."""
        if _is_open(path):
            return cls(path.schema or "", path.name, path.sub, None)
        urn, known = _known(path, schema, custom)
        if urn and not path.name:
            return cls(urn, "", None, None)
        if known is None or known.mutability == READ_ONLY or known is _SCHEMAS:
            return None
        if path.sub is None or known.type == "any":
            return cls(urn, known.name, path.sub, known)
        leaf = known.find(path.sub)
        if leaf is None or leaf.mutability == READ_ONLY:
            return None
        return cls(urn, known.name, leaf.name, known)

    def within(self, key: str, custom: Schema | None) -> Place | None:
        """Return the place of an attribute of the extension that this is."""
        if self.urn not in KNOWN:
            return Place(self.urn, key, None, None)
        extension = ENTERPRISE if self.urn == ENTERPRISE.id else custom
        known = extension.find(key) if extension else None
        if known is None or known.mutability == READ_ONLY:
            return None
        return Place(self.urn, known.name, None, known)

    def path(self) -> AttributePath:
        """Return the path that leads here."""
        return AttributePath(self.urn or None, self.name, self.sub)

    def value(self, given: object) -> Any:
        """Return the normalized form of a value that was sent; None for no value."""
        where = str(self.path()) if self.urn or self.sub else self.name
        attribute = self.attribute
        if attribute and self.sub:
            attribute = attribute.find(self.sub)
        return value_of(attribute, given, where) if attribute else anything(given, where)

    def put(self, document: dict[str, Any], given: object, custom: Schema | None) -> None:
        """Put a value that was sent into a document that has no other there."""
        if not self.name:
            for key, value in members_of(self.urn, given).items():
                inner = self.within(key, custom)
                if inner:
                    inner.put(document, value, custom)
            return
        value = self.value(given)
        if value is None:
            return
        target = document.setdefault(self.urn, {}) if self.urn else document
        if self.sub is None:
            target[self.name] = value
        elif self.attribute is None or not self.attribute.multi_valued:
            before = target.get(self.name)
            target[self.name] = (before if isinstance(before, dict) else {}) | {self.sub: value}


def _is_open(path: AttributePath) -> bool:
    """Return whether a path leads into an extension that we do not know."""
    return path.schema is not None and path.schema not in KNOWN


def _known(
    path: AttributePath, schema: Schema, custom: Schema | None
) -> tuple[str, Attribute | None]:
    """Return the URN of the extension, or "", and the attribute that a path begins with.

    A bare name that only the custom schema has is one of it.
    """
    if path.schema is None:
        known = schema.find(path.name) or _COMMON.get(path.name.casefold())
        if known is None and custom and schema is USER and (own := custom.find(path.name)):
            return custom.id, own
        return "", known
    extension = {ENTERPRISE.id: ENTERPRISE, CUSTOM_ID: custom}.get(path.schema)
    if extension is None or schema is not USER:
        return "", None
    return extension.id, extension.find(path.name)
