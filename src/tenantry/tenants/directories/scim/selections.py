"""Which attributes an answer has (RFC 7644 section 3.9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tenantry.tenants.directories.scim.faults import quotable
from tenantry.tenants.directories.scim.schemas import attribute_path
from tenantry.tenants.directories.scim.values import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_NAMES = 200
# Names in lower case, each with those under it, or None for all of it.
_Names: TypeAlias = "dict[str, _Names | None]"


@dataclass(slots=True, eq=False, repr=False)
class Selection:
    """The part of a resource that an answer has: named attributes, or all but excluded ones."""

    _wanted: _Names | None = None  # None for all
    _excluded: _Names = field(default_factory=dict)

    @classmethod
    def of(cls, attributes: Iterable[str] | None, excluded: Iterable[str] | None) -> Selection:
        """Return what the parameters ``attributes`` and ``excludedAttributes`` say."""
        wanted = _names(attributes, "attributes")
        left = _names(excluded, "excludedAttributes")
        left.pop("id", None)
        left.pop("schemas", None)
        return cls({"schemas": None, "id": None} | wanted if wanted else None, left)

    def wants(self, name: str) -> bool:
        """Return whether an answer has anything of this core attribute."""
        folded = name.casefold()
        if folded in self._excluded and self._excluded[folded] is None:
            return False
        return self._wanted is None or folded in self._wanted

    def apply(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Return a resource with the attributes that are wanted, and those always there."""
        if self._wanted is not None:
            resource = _kept(resource, self._wanted)
        return _dropped(resource, self._excluded) if self._excluded else resource


USUAL = Selection()


def _names(texts: Iterable[str] | None, parameter: str) -> _Names:
    names: _Names = {}
    for n, text in enumerate(texts or ()):
        if n >= MOST_NAMES:
            raise invalid(parameter, f"can have at most {MOST_NAMES} names")
        try:
            path = attribute_path(text.strip())
        except ValueError:
            raise invalid(parameter, f"has {quotable(text)}, which is not an attribute") from None
        *above, last = [one.casefold() for one in (path.schema, path.name, path.sub) if one]
        at: _Names | None = names
        for one in above:
            at = at.setdefault(one, {}) if at is not None else None
        if at is not None:
            at[last] = None
    return names


def _kept(value: Any, names: _Names) -> Any:
    """Return what of a value has these names."""
    if isinstance(value, list):
        return [kept for one in value if (kept := _kept(one, names))]
    kept = {}
    for name, one in value.items() if isinstance(value, dict) else ():
        if (folded := name.casefold()) in names:
            inner = names[folded]
            part = one if inner is None else _kept(one, inner)
            if inner is None or part:
                kept[name] = part
    return kept


def _dropped(value: Any, names: _Names) -> Any:
    """Return what of a value has other names."""
    if isinstance(value, list):
        return [left for one in value if (left := _dropped(one, names))]
    if not isinstance(value, dict):
        return value
    left = {}
    for name, one in value.items():
        if (folded := name.casefold()) not in names:
            left[name] = one
        elif (inner := names[folded]) is not None and (part := _dropped(one, inner)):
            left[name] = part
    return left
