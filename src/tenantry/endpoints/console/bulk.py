"""Actions on selected rows of a list: a confirmation page, then one API call per row.

The rows are selected by checkboxes that belong to a form of the list (`lists.selection`). Each
call has its policy and event, and a failed call does not stop the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry.core import errors, urlencoded
from tenantry.endpoints.console import names
from tenantry.endpoints.console.bulk_actions import LISTS
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.identity.operators.model import OPERATOR
from tenantry.web.forms import boxes

if TYPE_CHECKING:
    from tenantry.endpoints.console.bulk_actions import Action, SelectableList
    from tenantry.net.http import Response

MAX_ROWS = 100
_MAX_LIST_QUERY = 1000  # characters
ROW = "row"  # the name of a checkbox is `row-` and the ID


def pages(site: ConsoleSite) -> list[Page]:
    found = []
    for listed in LISTS:
        handlers = _Selected(site, listed)
        found.append(Page("GET", f"{listed.path}/selected", handlers.confirm, OPERATOR))
        found.append(Page("POST", f"{listed.path}/selected/apply", handlers.apply))
    return found


@dataclass(frozen=True, slots=True)
class _Outcome:
    id: str
    problem: str  # "" if the call succeeded


class _Selected:
    def __init__(self, site: ConsoleSite, listed: SelectableList) -> None:
        self._site = site
        self._list = listed

    async def confirm(self, visit: Visit) -> Response:
        """Show the names of the rows and ask for confirmation."""
        members = _members(visit)
        rows, action = _rows(members), self._list.actions.get(members.get("action", ""))
        if action is None:
            if members.get("action"):
                raise errors.InvalidArgument.field(
                    "action", "enum", "is not an action of this list"
                )
            rows = []
        return self._site.render(
            visit,
            self._list.subject,
            "bulk/confirm.html",
            names=await names.load(visit, *rows),
            rows=rows,
            action=action,
            choices=await action.choices(visit) if action and action.choices else None,
            list_query=members.get("list", ""),
            back=self._back(visit, members),
            here=f"{_path(visit, self._list.path)}/selected",
        )

    async def apply(self, visit: Visit) -> Response:
        """Make a call for each row. Redirect to the list, or show the outcomes if a call failed."""
        form = boxes.form(visit.request)
        rows, action = _rows(form), self._list.actions.get(form.get("action", ""))
        if action is None:
            raise errors.InvalidArgument.field("action", "enum", "is not an action of this list")
        named = await names.load(visit, *rows)
        outcomes = [await _apply(visit, action, row, form.get("choice", "")) for row in rows]
        back = self._back(visit, form)
        if rows and not any(one.problem for one in outcomes):
            return self._site.done(back, action.done)
        return self._site.render(
            visit,
            self._list.subject,
            "bulk/result.html",
            names=named,
            outcomes=outcomes,
            failed=sum(1 for one in outcomes if one.problem),
            action=action,
            back=back,
        )

    def _back(self, visit: Visit, members: dict[str, str]) -> str:
        """Return the path of the list, with its filters."""
        path = _path(visit, self._list.list_path or self._list.path)
        try:
            query = urlencoded.members(members.get("list", "")[:_MAX_LIST_QUERY], most=20)
        except ValueError:
            query = []
        return f"{path}?{urlencode(query)}" if query else path


def _path(visit: Visit, pattern: str) -> str:
    """Return the path of a page, with the parameters of the requested page."""
    params = visit.request.params
    segments = pattern.strip("/").split("/")
    return visit.path(
        *(params[one.strip("{}")] if one.startswith("{") else one for one in segments)
    )


async def _apply(visit: Visit, action: Action, row: str, choice: str) -> _Outcome:
    try:
        await action.call(visit, row, choice)
    except errors.Error as problem:
        return _Outcome(row, problem.message)
    return _Outcome(row, "")


def _members(visit: Visit) -> dict[str, str]:
    """Return the members of the query: one for each selected row, and a few others."""
    try:
        found = urlencoded.members(visit.request.query, most=MAX_ROWS + 20)
    except ValueError:
        raise errors.InvalidArgument.field(
            ROW, "max_items", f"at most {MAX_ROWS} rows can be selected"
        ) from None
    return dict(found)


def _rows(members: dict[str, str]) -> list[str]:
    """Return the IDs of the selected rows."""
    rows = boxes.ticked(members, ROW)
    if len(rows) > MAX_ROWS:
        raise errors.InvalidArgument.field(
            ROW, "max_items", f"at most {MAX_ROWS} rows can be selected"
        )
    return rows
