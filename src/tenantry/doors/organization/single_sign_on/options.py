"""Settings of a connection that are its admin's: membership, signatures, domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.organization.single_sign_on.connection import Subject
from tenantry.identity.connections import key_pairs
from tenantry.pages import connections
from tenantry.tenants.domains import service as domains
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN, PROVEN
from tenantry.tenants.organizations.service import Identity
from tenantry.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.doors.organization.visit import Door, Visit
    from tenantry.tenants.domains.model import Domain
    from tenantry.web import Response

_MOST_DOMAINS = 50  # that a connection may have
_FIELDS = {
    "connection.ui_button_title": "ui_button_title",
    "settings.end_session_uri": "end_session_uri",
}


class Options(Subject):
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        # Read through: to open a private key for each page takes too long.
        self._key_pairs = key_pairs.KeyPairs(door.db)

    async def show(self, visit: Visit) -> Response:
        """Show the settings, with the domains that there are."""
        connection = await self.load(visit)
        answer = await visit.api.get("/connections/{}/settings", connection.id)
        owned = await self._owned(visit)
        return self.render(
            visit,
            connection,
            "settings",
            further=answer.get("settings", {}),
            switches_shared=connections.SHARED_SWITCHES,
            switches_own=[
                *(
                    name
                    for name in connections.SWITCHES[connection.type]
                    if name not in connections.SHARED_SWITCHES
                ),
                *(name for name in connections.FURTHER[connection.type] if name != "accept_sha1"),
            ],
            choices={
                name: connections.CHOICES[name] for name in connections.CHOSEN[connection.type]
            },
            domains=[
                (one, one.connection_id == connection.id, one.connection_id is not None)
                for one in owned
            ],
            pairs=await self._pairs() if connection.is_saml else None,
        )

    async def save(self, visit: Visit) -> Response:
        """Take the settings."""
        connection, path = await self.load(visit), self.path(visit, "settings")
        form = visit.request.form()
        config: dict[str, Any] = {
            name: form.get(name) == "true" for name in connections.SWITCHES[connection.type]
        }
        for name in connections.CHOSEN[connection.type]:
            if form.get(name, "") in connections.CHOICES[name]:
                config[name] = form[name]
        body = connection.update(**config)
        body["ui_button_title"] = form.get("ui_button_title", "").strip()
        further: dict[str, Any] = {
            name: form.get(name) == "true" for name in connections.FURTHER[connection.type]
        }
        if not connection.is_saml:
            further["end_session_uri"] = form.get("end_session_uri", "").strip()
        try:
            async with visit.api.transaction(visit.call.db) as api:
                await api.patch("/connections/{}/settings", connection.id, body=further)
                await self.update(visit, body, api)
        except errors.InvalidArgument as problem:
            return self.refused(visit, problem, path, _FIELDS, form)
        return self.door.done(path, "sso_saved")

    async def assign(self, visit: Visit) -> Response:
        """Take the domains that lead to this connection alone."""
        form, path = visit.request.form(), self.path(visit, "settings")
        there = {one.id for one in await self._owned(visit)}
        chosen = [name for name, value in form.items() if name in there and value == "true"]
        try:
            await visit.api.put(
                "/organizations/{}/connections/{}/domains",
                visit.organization.id,
                visit.request.params["id"],
                body={"domain_ids": chosen},
            )
        except errors.InvalidArgument as problem:
            return self.door.wrong(visit, problem, path)
        return self.door.done(path, "sso_domains")

    @staticmethod
    async def _owned(visit: Visit) -> Sequence[Domain]:
        """Return the domains that are proved to be the organization's, the newest first."""
        page = await domains.page(
            visit.call,
            Identity(visit.organization.id),
            domain_type=ORGANIZATION_DOMAIN,
            size=_MOST_DOMAINS,
            number=0,
        )
        return [one for one in page.domains if one.verification_status in PROVEN]

    async def _pairs(self) -> Mapping[str, str]:
        """Return when our own certificate expires, and when the next one begins to sign."""
        pairs = await self._key_pairs.get()
        following = pairs.following
        return {
            "expire_time": rfc3339(pairs.current.expire_time),
            "next_time": "" if following is None else rfc3339(following.sign_time),
        }
