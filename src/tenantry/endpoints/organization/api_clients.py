"""The API clients of an organization: its API keys, and its clients with their secrets.

A member lets no program do more than they may: a client gets scopes out of the member's own
permissions, and a key acts for the organization or for the member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.api_tokens import listing as api_token_list
from tenantry.access.api_tokens import service as api_tokens
from tenantry.access.clients import listing as client_list
from tenantry.access.clients import organization_clients as clients
from tenantry.access.clients.credentials import secrets
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.core import errors
from tenantry.core.times import DAY, now
from tenantry.endpoints.organization.visit import OrganizationSite, Page, Visit
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import PROGRAMS

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.net.http import Response

_PAGE = 20
_MOST = 100  # keys in force, and clients, that members may make in one organization
_LIVES = ("30", "90", "365", "")  # days, "" for no end
_DEFAULT_LIFE = "90"
_NAME_MAX = 128
_DESCRIPTION_MAX = 255
# Both secrets are good for so long while one takes the place of the other.
_OVERLAP_SECONDS = 24 * 3600
_BUILT_IN = "sk_"
_BOX = "scope."


def pages(site: OrganizationSite) -> list[Page]:
    subject = _ApiClients(site)
    return [
        Page("GET", "", subject.keys, PROGRAMS),
        Page("POST", "/keys", subject.make_key, PROGRAMS),
        Page("POST", "/keys/{id}/end", subject.end_key, PROGRAMS),
        Page("GET", "/clients", subject.clients, PROGRAMS),
        Page("POST", "/clients", subject.make_client, PROGRAMS),
        Page("GET", "/clients/{id}", subject.client, PROGRAMS),
        Page("POST", "/clients/{id}/rotate", subject.rotate, PROGRAMS),
        Page("POST", "/clients/{id}/secrets/{secret}/remove", subject.remove_secret, PROGRAMS),
        Page("POST", "/clients/{id}/remove", subject.remove_client, PROGRAMS),
    ]


class _ApiClients:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def keys(self, visit: Visit) -> Response:
        """List the API keys in force."""
        listed = await api_token_list.page(
            visit.call,
            visit.organization.id,
            None,
            page_size=_PAGE,
            page_token=visit.query("page_token"),
        )
        return self._site.render(
            visit,
            PROGRAMS,
            "api_keys.html",
            listed=listed,
            full=listed.total_size >= _MOST,
            lives=_LIVES,
            life=_DEFAULT_LIFE,
        )

    async def make_key(self, visit: Visit) -> Response:
        """Make an API key, and show it this once."""
        form, path = visit.request.form(), visit.path(PROGRAMS)
        description = form.get("description", "").strip()
        life = form.get("life", _DEFAULT_LIFE)
        acts_as = form.get("acts_as", "")
        given = {"description": description, "life": life, "acts_as": acts_as}
        if not 1 <= len(description) <= _DESCRIPTION_MAX:
            problems = Problems({"description": "programs.bad_description"}, given)
            return self._site.failed(visit.request, problems, path)
        listed = await api_token_list.page(
            visit.call, visit.organization.id, None, page_size=1, page_token=""
        )
        if listed.total_size >= _MOST:
            return self._site.failed(visit.request, Problems({"": "programs.full"}), path)
        assert visit.person is not None
        key, text = await api_tokens.create(
            visit.call,
            prefix=self._site.context.settings.api_token_prefix,
            organization_id=visit.organization.id,
            user_id=visit.person.id if acts_as == "me" else None,
            custom_claims={},
            expire_time=now() + int(life) * DAY if life in _LIVES and life else None,
            description=description,
        )
        return self._site.render(
            visit,
            PROGRAMS,
            "secret_made.html",
            name=key.description,
            back=path,
            values=[("key", text)],
        )

    async def end_key(self, visit: Visit) -> Response:
        """Put an API key out of force for good."""
        await api_tokens.invalidate_of(
            visit.call,
            self._site.context.api_tokens,
            visit.organization.id,
            visit.request.params["id"],
        )
        return self._site.done(visit.path(PROGRAMS), "key_ended")

    async def clients(self, visit: Visit) -> Response:
        """List the clients."""
        listed = await client_list.of_organization(
            visit.call,
            visit.organization.id,
            page_size=_PAGE,
            page_token=visit.query("page_token"),
        )
        return self._site.render(
            visit,
            PROGRAMS,
            "clients.html",
            listed=listed,
            full=listed.total_size >= _MOST,
            scopes=_own_scopes(visit),
        )

    async def make_client(self, visit: Visit) -> Response:
        """Make a client, and show its secret this once."""
        form, path = visit.request.form(), visit.path(PROGRAMS, "clients")
        name = form.get("name", "").strip()
        chosen = [one.removeprefix(_BOX) for one in form if one.startswith(_BOX)]
        if not 1 <= len(name) <= _NAME_MAX:
            problems = Problems({"name": "programs.bad_name"}, {"name": name})
            return self._site.failed(visit.request, problems, path)
        if not set(chosen) <= set(_own_scopes(visit)):
            raise errors.PermissionDenied
        listed = await client_list.of_organization(
            visit.call, visit.organization.id, page_size=1, page_token=""
        )
        if listed.total_size >= _MOST:
            return self._site.failed(visit.request, Problems({"": "programs.full"}), path)
        try:
            made, secret = await clients.create(
                visit.call, visit.organization.id, name=name, scopes=chosen
            )
        except errors.InvalidArgument:
            problems = Problems({"name": "programs.bad_name"}, {"name": name})
            return self._site.failed(visit.request, problems, path)
        return self._made(visit, made, secret)

    async def client(self, visit: Visit) -> Response:
        """Show one client and its secrets."""
        found = await self._client(visit)
        at = now()
        in_force = [secret for secret in found.secrets if secret.in_force(at)]
        return self._site.render(
            visit,
            PROGRAMS,
            "client.html",
            client=found,
            secrets=in_force,
            reaches=_reaches(visit, found),
            full=len(in_force) >= secrets.IN_FORCE_MAX[found.client_type],
        )

    async def rotate(self, visit: Visit) -> Response:
        """Add a secret, and show it this once; the others are good for a day."""
        found = await self._client(visit)
        _check_reach(visit, found)
        try:
            _, secret = await secrets.add(
                visit.call,
                ClientIdentifier(found.id, visit.organization.id),
                overlap_seconds=_OVERLAP_SECONDS,
            )
        except errors.InvalidArgument:
            path = visit.path(PROGRAMS, "clients", found.id)
            return self._site.failed(visit.request, Problems({"": "programs.many_secrets"}), path)
        return self._made(visit, found, secret)

    async def remove_secret(self, visit: Visit) -> Response:
        """Put a secret out of force at once."""
        id_ = visit.request.params["id"]
        path = visit.path(PROGRAMS, "clients", id_)
        try:
            await secrets.remove(
                visit.call,
                ClientIdentifier(id_, visit.organization.id),
                visit.request.params["secret"],
            )
        except errors.InvalidArgument:
            return self._site.failed(visit.request, Problems({"": "programs.last_secret"}), path)
        return self._site.done(path, "secret_removed")

    async def remove_client(self, visit: Visit) -> Response:
        """Delete a client."""
        await clients.remove(visit.call, visit.organization.id, visit.request.params["id"])
        return self._site.done(visit.path(PROGRAMS, "clients"), "client_removed")

    async def _client(self, visit: Visit) -> Client:
        return await clients.get(visit.call, visit.organization.id, visit.request.params["id"])

    def _made(self, visit: Visit, client: Client, secret: str) -> Response:
        return self._site.render(
            visit,
            PROGRAMS,
            "secret_made.html",
            name=client.name,
            back=visit.path(PROGRAMS, "clients", client.id),
            values=[("client_id", client.id), ("client_secret", secret)],
        )


def _own_scopes(visit: Visit) -> list[str]:
    """Return what the visitor may do at the application: scopes for a client are out of these."""
    return sorted(name for name in visit.permissions or () if not name.startswith(_BUILT_IN))


def _reaches(visit: Visit, client: Client) -> bool:
    """Whether a client may do no more than the visitor: with its secret they could be it."""
    return set(client.scopes) <= set(_own_scopes(visit))


def _check_reach(visit: Visit, client: Client) -> None:
    if not _reaches(visit, client):
        raise errors.PermissionDenied
