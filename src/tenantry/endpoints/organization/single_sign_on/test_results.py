"""Trying a connection: tests with their results, and the sign-ins by it that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.organization.single_sign_on import attributes
from tenantry.endpoints.organization.single_sign_on import connection as shown
from tenantry.endpoints.organization.single_sign_on.comparison import AttributeComparison
from tenantry.endpoints.organization.single_sign_on.connection import Subject
from tenantry.gen.scalekit.v1.connections.connections_pb import GetConnectionTestResultRequest
from tenantry.gen.tenantry.v1.sign_ins_pb import ListFailedSignInsRequest, SignInError
from tenantry.gen.tenantry.v1.single_sign_on_pb import ListConnectionTestsRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.endpoints.organization.single_sign_on.connection import ConnectionView
    from tenantry.endpoints.organization.visit import Visit
    from tenantry.gen.tenantry.v1.sign_ins_pb import SignIn
    from tenantry.gen.tenantry.v1.single_sign_on_pb import ConnectionTest
    from tenantry.net.http import Response


class TestResultPages(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show the tests of the last hour, and the newest sign-ins that failed."""
        connection = await self.load(visit)
        tests = await visit.api.single_sign_on.list_connection_tests(
            ListConnectionTestsRequest(connection_id=connection.id)
        )
        failed = await visit.api.sign_ins.list_failed_sign_ins(
            ListFailedSignInsRequest(connection_id=connection.id)
        )
        return self.render(
            visit,
            connection,
            "test",
            tests=[
                (one, shown.said(visit.words, one) if one.error else None) for one in tests.tests
            ],
            worked=_last_worked(tests.tests),
            mapping=await self._mapping(visit, connection, tests.tests),
            **await self.domain_warning(visit),
            failures=[
                (one, shown.said(visit.words, one.error or SignInError()), _evidence(one))
                for one in failed.sign_ins
            ],
        )

    async def _mapping(
        self, visit: Visit, connection: ConnectionView, tests: Sequence[ConnectionTest]
    ) -> AttributeComparison | None:
        """Return what the newest successful test received, None without one."""
        succeeded = next((one for one in tests if one.status == "SUCCESS"), None)
        if succeeded is None:
            return None
        result = await visit.api.connections.get_connection_test_result(
            GetConnectionTestResultRequest(
                connection_id=connection.id, test_request_id=succeeded.id
            )
        )
        if not result.user_info:
            return None
        rows = attributes.rows_of(connection, await attributes.custom(visit))
        return AttributeComparison.of(result.user_info, rows, is_saml=connection.is_saml)


def _last_worked(tests: Iterable[ConnectionTest]) -> bool:
    """Whether the newest test that came back from the provider succeeded."""
    ended = (one.status for one in tests if one.status != "PENDING")
    return next(ended, "") == "SUCCESS"


def _evidence(sign_in: SignIn) -> list[tuple[str, str]] | None:
    """Return what a sign-in left of the provider's message, by the contract's names."""
    found = sign_in.evidence
    if found is None:
        return None
    given = ((field.name, found[field]) for field in found.desc().fields)
    return [
        (name, value if isinstance(value, str) else ", ".join(value))
        for name, value in given
        if value
    ]
