"""`/portal`: the state of single sign-on, directories and domains, and the next step of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protobuf.wkt import Int32Value, Timestamp

from tenantry.endpoints.organization.directories import states
from tenantry.endpoints.organization.directories.subject import guide_of as directory_guide_of
from tenantry.endpoints.organization.directories.subject import roles_of
from tenantry.endpoints.organization.single_sign_on import connection as connections
from tenantry.endpoints.organization.single_sign_on.overview import setup_steps
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    GetConnectionRequest,
    ListConnectionsRequest,
)
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    DirectoryType,
    ListDirectoriesRequest,
)
from tenantry.gen.scalekit.v1.domains.domains_pb import DomainType, ListDomainRequest
from tenantry.gen.tenantry.v1.directory_polling_pb import GetDirectoryPollRequest
from tenantry.gen.tenantry.v1.directory_requests_pb import ListDirectoryRequestsRequest
from tenantry.gen.tenantry.v1.sign_ins_pb import LastSignIns, ListLastSignInsRequest
from tenantry.identity.connections import reading
from tenantry.web.connections import CONFIG
from tenantry.web.frames import areas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.gen.scalekit.v1.connections.connections_pb import ListConnection
    from tenantry.gen.scalekit.v1.directories.directories_pb import Directory
    from tenantry.net.http import Response
    from tenantry.web.frames.areas import Area

_PAGE = 100  # domains that are counted


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the setup of an area; ``key`` is its name in the words."""

    key: str
    is_done: bool
    is_next: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The state of one area, which `overview.html` shows."""

    area: Area
    status: tuple[str, str]  # the key of its name in the words, and the kind of its pill
    steps: Sequence[Step]
    next: tuple[str, str]  # the key of the button's text, and its path
    subject: str = ""  # the name of the connection, directory or domain
    guide_id: str = ""  # of its provider, for the mark
    facts: Sequence[tuple[str, Timestamp | int | None]] = ()
    problem: tuple[str, str, str] | None = None  # a key, the detail, the path that explains it

    @property
    def is_complete(self) -> bool:
        """Whether all steps are done."""
        return all(one.is_done for one in self.steps)


class PortalOverview:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show a card for each area of the portal."""
        cards = [
            await build(visit)
            for area, build in (
                (areas.SSO, self._single_sign_on),
                (areas.SCIM, self._directories),
                (areas.DOMAINS, self._domains),
            )
            if visit.sees(area)
        ]
        return self._site.render(visit, None, "overview.html", cards=cards)

    async def _single_sign_on(self, visit: Visit) -> Card:
        listed = await visit.api.connections.list_connections(
            ListConnectionsRequest(organization_id=visit.organization.id, include="all")
        )
        found = [one for one in listed.connections if one.type.name in CONFIG]
        if not found:
            first = ("overview_step.connection", "overview_step.test", "overview_step.enable")
            return Card(
                area=areas.SSO,
                status=("overview.not_set_up", ""),
                steps=_steps(*((key, False) for key in first)),
                next=("sso.add", visit.path(areas.SSO, "new")),
            )
        last = await visit.api.sign_ins.list_last_sign_ins(
            ListLastSignInsRequest(organization_id=visit.organization.id)
        )
        known = {one.connection_id: one for one in last.last_sign_ins}
        shown = max(found, key=lambda one: _progress(one, known.get(one.id)))
        return await self._connection(visit, shown, known.get(shown.id, LastSignIns()))

    async def _connection(self, visit: Visit, shown: ListConnection, last: LastSignIns) -> Card:
        request = GetConnectionRequest(organization_id=visit.organization.id, id=shown.id)
        message = (await visit.api.connections.get_connection(request)).connection
        assert message is not None
        view = connections.ConnectionView(message, visit.words.language)
        kept = await reading.find(self._site.db, shown.id)
        is_tested = last.last_sign_in_time is not None or (
            kept is not None and kept.test_time is not None
        )
        steps = [
            Step(f"sso_step.{one.key}", one.is_done, one.is_next)
            for one in setup_steps(view, is_tested=is_tested)
        ]
        here = visit.path(areas.SSO, shown.id)
        problem = None
        if last.last_error is not None:
            said = connections.said(visit.words, last.last_error)
            detail = "".join(text for text, _ in said.parts) or said.means
            problem = ("sso.last_error", detail, f"{here}/test#failures")
        elif last.fault:
            problem = ("sso.fault", "", here)
        elif connections.expiry_of(last) != "good":
            problem = ("overview.certificate", "", f"{here}/details#certificates")
        return Card(
            area=areas.SSO,
            status=connections.status_of(shown),
            subject=connections.name_of(shown),
            guide_id=view.guide.id,
            steps=steps,
            facts=[("sso.last_sign_in", last.last_sign_in_time)],
            problem=problem,
            next=_following(steps, here),
        )

    async def _directories(self, visit: Visit) -> Card:
        request = ListDirectoriesRequest(organization_id=visit.organization.id)
        found = (await visit.api.directories.list_directories(request)).directories
        if not found:
            first = ("overview_step.directory", "overview_step.sync", "directory.enable_title")
            return Card(
                area=areas.SCIM,
                status=("overview.not_set_up", ""),
                steps=_steps(*((key, False) for key in first)),
                next=("overview.add_directory", visit.path(areas.SCIM)),
            )
        shown = max(found, key=lambda one: (one.enabled, bool(one.total_users)))
        here = visit.path(areas.SCIM, shown.id)
        is_polled = shown.directory_type is DirectoryType.POLL
        error, last = "", shown.last_synced_at
        problem: tuple[str, str, str] | None = None
        if is_polled:
            polling = await visit.api.directory_polling.get_directory_poll(
                GetDirectoryPollRequest(
                    organization_id=visit.organization.id, directory_id=shown.id
                )
            )
            if polling.poll is not None:
                error, last = polling.poll.error, polling.poll.last_sync_time or last
            if error:
                problem = ("overview.sync_failed", error, here)
        else:
            problem = await _refused(visit, shown, here)
        has_arrived = shown.status == "COMPLETED"
        steps = _steps(
            (
                "directory.account_title" if is_polled else "directory.token_title",
                bool(shown.email) if is_polled else bool(states.active(shown)),
            ),
            ("directory.enable_title", shown.enabled),
            ("overview_step.sync", has_arrived),
            ("directory.roles_title", bool(roles_of(shown))),
        )
        return Card(
            area=areas.SCIM,
            status=states.state(shown, error),
            subject=shown.name,
            guide_id=directory_guide_of(shown, visit.words.language).id,
            steps=steps,
            facts=[
                ("directory.users", shown.total_users),
                ("directory.groups", shown.total_groups),
                ("directory.last_sync" if is_polled else "directory.last", last),
            ],
            problem=problem,
            next=_following(steps, here),
        )

    async def _domains(self, visit: Visit) -> Card:
        listed = await visit.api.domains.list_domains(
            ListDomainRequest(
                identities=visit.identities,
                page_size=Int32Value(value=_PAGE),
                domain_type=DomainType.ORGANIZATION_DOMAIN,
            )
        )
        statuses = {one.domain: one.verification_status.name for one in listed.domains}
        verified = [name for name, at in statuses.items() if at in {"VERIFIED", "AUTO_VERIFIED"}]
        pending = [name for name, at in statuses.items() if at == "PENDING"]
        failed = [name for name in statuses if name not in {*verified, *pending}]
        status = ("overview.not_set_up", "")
        if verified:
            status = ("domains.verified", "good")
        elif pending:
            status = ("domains.pending", "waiting")
        elif failed:
            status = ("domains.failed", "bad")
        here = visit.path(areas.DOMAINS)
        steps = _steps(
            ("overview_step.domain", bool(statuses)),
            ("overview_step.record", bool(verified)),
        )
        following = _following(steps, here) if statuses else ("domains.add", here)
        return Card(
            area=areas.DOMAINS,
            status=status,
            subject=", ".join((verified or pending or failed)[:3]),
            steps=steps,
            facts=[("domains.verified", len(verified)), ("domains.pending", len(pending))]
            if statuses
            else (),
            problem=("overview.domain_failed", failed[0], here) if failed else None,
            next=following,
        )


async def _refused(visit: Visit, directory: Directory, here: str) -> tuple[str, str, str] | None:
    """Return the warning about the newest failed request of a directory, None for none."""
    log = await visit.api.directory_requests.list_directory_requests(
        ListDirectoryRequestsRequest(
            organization_id=visit.organization.id,
            directory_id=directory.id,
            failed=True,
            page_size=1,
        )
    )
    refused = next(iter(log.requests), None)
    for key, values in states.warnings(directory, refused):
        if "request" in values:
            assert refused is not None
            return ("overview.request_failed", refused.error, f"{here}/requests/{refused.id}")
        if key == "directory_warning.ended":
            return ("directory_warning.ended", "", here)
    return None


def _progress(connection: ListConnection, last: LastSignIns | None) -> tuple[bool, bool, bool]:
    """Return the progress of a connection: the overview shows the one with the most."""
    is_complete = connections.status_of(connection)[0] != "sso_status.unfinished"
    return connection.enabled, is_complete, last is not None and last.last_error is not None


def _steps(*steps: tuple[str, bool]) -> list[Step]:
    """Return steps by their keys; the first that is not done is the next one."""
    following = next((key for key, is_done in steps if not is_done), "")
    return [Step(key, is_done, key == following) for key, is_done in steps]


def _following(steps: Sequence[Step], path: str) -> tuple[str, str]:
    is_complete = all(one.is_done for one in steps)
    return ("overview.manage" if is_complete else "overview.continue", path)
