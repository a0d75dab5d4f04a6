"""Sortable columns of lists.

`paged` is for lists that the API pages by ID, newest first. They can also be shown oldest first:
their pages are read from the end, without an offset or a sort. `whole` is for lists that the API
returns in one response, which can be sorted by any column.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tenantry.endpoints.console.visit import Visit

    class PagedResponse(Protocol):
        """A page of a list."""

        next_page_token: str
        prev_page_token: str


_Row = TypeVar("_Row")
CREATED = "created"


@dataclass(frozen=True, slots=True)
class Sorting:
    """The column by which a list is sorted."""

    path: str
    column: str
    descending: bool
    query: Mapping[str, str] = field(default_factory=dict)  # the filters of the list

    def head(self, label: str, column: str = CREATED) -> dict[str, str]:
        """Return the head of a sortable column, for `kit.table`: its link reverses the order."""
        is_sorted = column == self.column
        descending = not self.descending if is_sorted else False
        query = {**self.query, "sort": f"-{column}" if descending else column}
        direction = "descending" if self.descending else "ascending"
        return {
            "label": label,
            "href": f"{self.path}?{urlencode(query)}",
            "sort": direction if is_sorted else "",
        }


@dataclass(frozen=True, slots=True)
class PagedSorting(Sorting):
    """The order of a list that the API returns in pages, newest first."""

    page_token: str = ""  # of the request to the API

    @property
    def page_query(self) -> dict[str, str]:
        """The query of the other pages, without their tokens."""
        return {**self.query, **({} if self.descending else {"sort": CREATED})}

    def arrange(self, listed: PagedResponse, rows: list[Any]) -> None:
        """Reverse a page of the API if the list is shown oldest first."""
        if not self.descending:
            rows.reverse()
            listed.next_page_token, listed.prev_page_token = (
                listed.prev_page_token,
                listed.next_page_token,
            )


def paged(visit: Visit, path: str, query: Mapping[str, str] | None = None) -> PagedSorting:
    """Return the order of a list by creation: newest first, unless the query has another order."""
    descending = visit.query("sort") != CREATED
    first = "" if descending else visit.call.db.page_tokens.last
    token = visit.query("page_token") or first
    return PagedSorting(path, CREATED, descending, query or {}, token)


def whole(
    visit: Visit, path: str, rows: Iterable[_Row], keys: Mapping[str, Callable[[_Row], Any]]
) -> tuple[Sorting, list[_Row]]:
    """Sort a whole list by the column in the query, or by the first column of ``keys``."""
    asked = visit.query("sort")
    column, descending = asked.removeprefix("-"), asked.startswith("-")
    if column not in keys:
        column, descending = next(iter(keys)), False
    ordered = sorted(rows, key=keys[column], reverse=descending)
    return Sorting(path, column, descending), ordered
