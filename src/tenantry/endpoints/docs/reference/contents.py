"""The contents of the reference: its operations and endpoints by group, each with its address.

An entry is light: what a page shows of an operation is read off its descriptors when the page is
made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.api.comments import comment, first_sentence
from tenantry.endpoints.docs.reference import endpoints, names, operations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.api.methods import Method
    from tenantry.endpoints.docs.reference.names import Group

PATH = "/docs/api/"


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation, or one endpoint of OAuth and OpenID Connect."""

    name: str
    title: str
    verb: str
    path: str
    summary: str
    group: Group
    method: Method | None = None  # that it is a route of
    deprecated: bool = False

    @property
    def url(self) -> str:
        """The path of its page."""
        return PATH + self.name


class Contents:
    """All entries, by name and by group, in the order of the reference."""

    def __init__(self, methods: Sequence[Method]) -> None:
        """``methods`` are the rpcs that are served."""
        found = [*_endpoints(), *(entry for method in methods for entry in _entries(method))]
        self.by_name = {entry.name: entry for entry in found}
        self._groups: dict[Group, list[Entry]] = {group: [] for group in names.groups()}
        for entry in found:
            self._groups.setdefault(entry.group, []).append(entry)

    @property
    def parts(self) -> list[tuple[str, list[Group]]]:
        """The groups by part, those that have an entry."""
        parts: dict[str, list[Group]] = {}
        for group, entries in self._groups.items():
            if entries:
                parts.setdefault(group.part, []).append(group)
        return list(parts.items())

    def group(self, slug: str) -> Group | None:
        """Return the group of an address."""
        return next((group for group in self._groups if group.slug == slug), None)

    def of(self, group: Group) -> list[Entry]:
        """Return the entries of a group."""
        return self._groups[group]

    def about(self, group: Group) -> list[str]:
        """Return what the contract says of the services of a group."""
        if group.about:
            return [group.about]
        services = {
            entry.method.service: None
            for entry in self._groups[group]
            if entry.method and entry.method.service.rpartition(".")[2] in group.services
        }
        return [text for service in services if (text := comment(service))]

    def around(self, entry: Entry) -> tuple[Entry | None, Entry | None]:
        """Return the entries before and after one, in the order of the groups."""
        every = [each for entries in self._groups.values() for each in entries]
        at = every.index(entry)
        return (
            every[at - 1] if at else None,
            every[at + 1] if at + 1 < len(every) else None,
        )


def _entries(method: Method) -> list[Entry]:
    about = comment(f"{method.service}.{method.name}")
    return [
        Entry(
            operations.name_of(method, route),
            names.title(method, route),
            route.verb,
            route.template,
            first_sentence(about),
            names.group_of(method),
            method,
            method.desc.deprecated,
        )
        for route in method.routes
    ]


def _endpoints() -> list[Entry]:
    group = next(group for group in names.groups() if group.endpoints)
    return [
        Entry(each.name, each.title, each.verb, each.path, each.summary, group)
        for each in endpoints.all_of_them()
    ]
