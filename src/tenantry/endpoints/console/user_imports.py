"""Import of users from a file: a dry run or the import itself, with its progress.

The page is sent while the file is imported: a line after each batch, the outcome at the end.
Therefore it shows the progress without JavaScript, and closing it stops the import after the
current batch.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from tenantry.api import row_validation
from tenantry.core import errors
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.identity.operators.model import OWNER
from tenantry.net.http import StreamingResponse
from tenantry.tenants.memberships.model import Rules
from tenantry.transfer.bulk import importing
from tenantry.transfer.bulk.report import MOST_REFUSALS, Report
from tenantry.web.forms import uploads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from tenantry.net.http import Response

MAX_FILE = 4 << 20  # bytes: some 40,000 rows; larger files take the command or the API
_FORM = 64 << 10  # bytes of the body beside the file
_PIECE = 64 << 10  # bytes that are read at once
# Smaller batches than those of a command, because other requests wait while a batch is prepared.
_BATCH_ROWS = 250
_MAX_SHOWN = 200  # errors
_HERE = "<!-- progress -->"  # in the template
_SUBJECT = "people"


def pages(site: ConsoleSite) -> list[Page]:
    imports = _UserImports(site)
    return [
        # A file can set passwords, with which an operator could sign in as the user.
        Page("GET", "/people/import", imports.show, OWNER),
        Page("POST", "/people/import/run", imports.run, OWNER, body_limit=MAX_FILE + _FORM),
    ]


class _UserImports:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the form."""
        return self._page(visit)

    async def run(self, visit: Visit) -> Response:
        """Import the file, or only check it. The response is the page with the progress."""
        path = visit.path("people", "import")
        form = await uploads.read(visit.request)
        file = form.files.get("file")
        order = self._order(
            dry_run="dry_run" in form.members,
            create_organizations="create_organizations" in form.members,
        )
        given = {"create_organizations": "true" if order.create_organizations else ""}
        try:
            if file is None or not file.content.strip():
                raise errors.InvalidArgument.field("file", "required", "is required")
            if len(file.content) > MAX_FILE:
                raise errors.InvalidArgument.field("file", "max_bytes", "must be at most 4 MiB")
            reports = _Import(visit, file.content, order).reports()
            # A file that cannot be read raises its error here, before the page is sent.
            first = await anext(reports)
        except errors.InvalidArgument as problem:
            named = errors.InvalidArgument.field("file", "format", _reason(problem))
            return self._site.wrong(visit, named, path, {"file": "file"}, given)
        page = self._page(visit, running=True, dry_run=order.dry_run, given=given)
        pieces = self._pieces(visit, page.body, first, reports)
        return StreamingResponse(pieces, page.headers)  # type: ignore[return-value]

    async def _pieces(
        self, visit: Visit, page: bytes, report: Report, reports: AsyncGenerator[Report]
    ) -> AsyncGenerator[bytes]:
        head, tail = page.split(_HERE.encode())
        yield head
        problem = ""
        async with contextlib.aclosing(reports):
            try:
                yield self._progress(visit, report)
                async for report in reports:  # noqa: PLR1704 - the last one is the outcome
                    yield self._progress(visit, report)
            except errors.Error as error:
                problem = error.message
        outcome = self._site.render(
            visit,
            _SUBJECT,
            "people/import_outcome.html",
            packs=False,
            report=report,
            refusals=report.refusals[:_MAX_SHOWN],
            has_more=len(report.refusals) > _MAX_SHOWN,
            problem=problem,
        )
        yield outcome.body
        yield tail

    def _progress(self, visit: Visit, report: Report) -> bytes:
        text = visit.words.count("user_import.processed", report.rows)
        return f"<p>{text}</p>\n".encode()

    def _page(self, visit: Visit, *, running: bool = False, **values: Any) -> Response:
        return self._site.render(
            visit, _SUBJECT, "people/import.html", packs=not running, running=running, **values
        )

    def _order(self, *, dry_run: bool, create_organizations: bool) -> importing.Order:
        settings = self._site.context.settings
        return importing.Order(
            row_validation.check_user,
            row_validation.check_organization,
            Rules.of(settings),
            settings.region,
            dry_run=dry_run,
            create_organizations=create_organizations,
            batch_rows=_BATCH_ROWS,
        )


class _Import:
    """An import that runs while its reports are read."""

    def __init__(self, visit: Visit, content: bytes, order: importing.Order) -> None:
        self._call = visit.call
        self._content = content
        self._order = order
        self._reports: asyncio.Queue[Report | None] = asyncio.Queue()

    async def reports(self) -> AsyncGenerator[Report]:
        """Yield the outcome of all rows so far, after each batch."""
        total = Report(self._order.dry_run)
        running = asyncio.create_task(self._run())
        try:
            while (report := await self._reports.get()) is not None:
                total.add(report, most=MOST_REFUSALS)
                yield total
            await running  # raises its error
            yield total
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError, errors.Error):
                await running

    async def _run(self) -> None:
        try:
            await importing.run(
                self._call, self._pieces(), self._order, told=self._reports.put_nowait
            )
        finally:
            self._reports.put_nowait(None)

    async def _pieces(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), _PIECE):
            yield self._content[start : start + _PIECE]


def _reason(problem: errors.InvalidArgument) -> str:
    """Return the message of an error about the whole file, with the name of its column."""
    if not problem.violations:
        return problem.message
    violation = problem.violations[0]
    return (
        violation.description
        if violation.field == "file"
        else f"{violation.field}: {violation.description}"
    )
