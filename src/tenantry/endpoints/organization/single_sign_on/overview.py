"""How far a connection is: its steps and warnings; its guide; enabling and deleting it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization.embedding import Event
from tenantry.endpoints.organization.single_sign_on import attributes
from tenantry.endpoints.organization.single_sign_on import connection as shown
from tenantry.endpoints.organization.single_sign_on.connection import Subject
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ListConnection,
    ListConnectionsRequest,
    ToggleConnectionRequest,
)
from tenantry.gen.tenantry.v1.sign_ins_pb import LastSignIns, ListLastSignInsRequest
from tenantry.gen.tenantry.v1.single_sign_on_pb import ListConnectionTestsRequest
from tenantry.identity.connections import reading, service
from tenantry.identity.connections.guides import explanations
from tenantry.web.connections import serving
from tenantry.web.frames.areas import SSO

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tenantry.endpoints.organization.single_sign_on.connection import ConnectionView
    from tenantry.endpoints.organization.visit import Visit
    from tenantry.net.http import Response


@dataclass(frozen=True, slots=True)
class Step:
    """One step of setting up; ``page`` is the last segment of its page, "" for the overview."""

    key: str
    page: str
    is_done: bool
    is_next: bool


class Overview(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show how far a connection is."""
        connection = await self.load(visit)
        last = await self._last(visit, connection)
        tests = await visit.api.single_sign_on.list_connection_tests(
            ListConnectionTestsRequest(connection_id=connection.id)
        )
        listed = await visit.api.connections.list_connections(
            ListConnectionsRequest(organization_id=visit.organization.id, include="all")
        )
        everything = listed.connections
        own = next((one for one in everything if one.id == connection.id), ListConnection())
        tested = any(one.status == "SUCCESS" for one in tests.tests)
        kept = await reading.find(self.site.db, connection.id)
        tested = tested or (kept is not None and kept.test_time is not None)
        error, fault = last.last_error, last.fault
        return self.render(
            visit,
            connection,
            "",
            last=last,
            domains=shown.domains_of(own, serving(everything)),
            error=shown.said(visit.words, error) if error else None,
            fault=explanations.say_fault(visit.words.language, fault) if fault else None,
            expiry=shown.expiry_of(last),
            steps=setup_steps(connection, is_tested=tested or last.last_sign_in_time is not None),
            **await self.domain_warning(visit),
        )

    async def guide(self, visit: Visit) -> Response:
        """Show the guide of the provider, with our own values in it."""
        connection = await self.load(visit)
        custom = await attributes.custom(visit)
        return self.render(visit, connection, "guide", ours=_ours(connection), custom=custom)

    async def enable(self, visit: Visit) -> Response:
        """Let people sign in by a connection."""
        call = visit.api.connections.enable_connection(_toggle(visit))
        return await self._switched(visit, call, "sso_enabled")

    async def disable(self, visit: Visit) -> Response:
        """Let nobody sign in by a connection any more."""
        call = visit.api.connections.disable_connection(_toggle(visit))
        return await self._switched(visit, call, "sso_disabled")

    async def delete(self, visit: Visit) -> Response:
        """Delete a connection."""
        # The contract lets a link delete one, and no member; here the permission decides.
        await service.remove(visit.call, visit.organization.id, visit.request.params["id"])
        return self.site.done(visit.path(SSO), "sso_deleted")

    async def _switched(self, visit: Visit, call: Awaitable[object], change: str) -> Response:
        path = self.path(visit)
        try:
            await call
        except errors.InvalidArgument:
            return self.amiss(visit, "", "incomplete", path)
        told = Event.of_connection((await self.load(visit)).message)
        return self.site.done(path, change, told=told)

    async def _last(self, visit: Visit, connection: ConnectionView) -> LastSignIns:
        answer = await visit.api.sign_ins.list_last_sign_ins(
            ListLastSignInsRequest(organization_id=visit.organization.id)
        )
        found = (one for one in answer.last_sign_ins if one.connection_id == connection.id)
        return next(found, LastSignIns())


def _toggle(visit: Visit) -> ToggleConnectionRequest:
    return ToggleConnectionRequest(
        organization_id=visit.organization.id, id=visit.request.params["id"]
    )


def setup_steps(connection: ConnectionView, *, is_tested: bool) -> list[Step]:
    """Return the steps; the first that is not done is the next one."""
    done = {
        "guide": ("guide", connection.is_begun),
        "details": ("details", connection.is_complete),
        "test": ("test", connection.is_complete and is_tested),
        "enable": ("", connection.is_enabled),
    }
    if connection.is_simulated:
        del done["guide"], done["details"]
    following = next((key for key, (_, is_done) in done.items() if not is_done), "")
    return [Step(key, page, is_done, key == following) for key, (page, is_done) in done.items()]


def _ours(connection: ConnectionView) -> dict[str, str]:
    """Return our values that the steps of a guide name."""
    names = ("sp_assertion_url", "sp_entity_id", "sp_metadata_url", "sp_slo_url", "redirect_uri")
    also = ("post_logout_redirect_uri", "backchannel_logout_redirect_uri")
    texts = {name: connection.text(name) for name in (*names, *also)}
    return {name: text for name, text in texts.items() if text}
