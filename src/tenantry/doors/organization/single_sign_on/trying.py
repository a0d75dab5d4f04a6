"""Trying a connection: tests with their results, and the sign-ins by it that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.organization.single_sign_on import connection as shown
from tenantry.doors.organization.single_sign_on.connection import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantry.doors.organization.visit import Visit
    from tenantry.web import Response


class Trying(Subject):
    """The handler of the page."""

    async def show(self, visit: Visit) -> Response:
        """Show the tests of the last hour, and the newest sign-ins that failed."""
        connection = await self.load(visit)
        tests = await visit.api.get("/connections/{}/test-requests", connection.id)
        failed = await visit.api.get("/connections/{}/failed-sign-ins", connection.id)
        return self.render(
            visit,
            connection,
            "test",
            tests=[
                (one, shown.said(visit.words, one) if one.get("error") else None)
                for one in tests.get("tests", ())
            ],
            worked=_last_worked(tests.get("tests", ())),
            **await self.domain_warning(visit),
            failures=[
                (one, shown.said(visit.words, one.get("error", {})))
                for one in failed.get("sign_ins", ())
            ],
        )


def _last_worked(tests: Iterable[Mapping[str, str]]) -> bool:
    """Whether the newest test that came back from the provider succeeded."""
    ended = (one["status"] for one in tests if one["status"] != "PENDING")
    return next(ended, "") == "SUCCESS"
