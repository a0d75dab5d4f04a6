"""The authorization endpoint of operators, for MCP clients: `/console/authorize`.

A signed-in operator sees which client asks, and allows it to read, or also to make changes. Consent
is never remembered. The client is looked up, and its document fetched, for operators only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tenantry.access.client_metadata import names, redirect_uris
from tenantry.access.client_metadata.documents import DocumentError
from tenantry.core import urlencoded
from tenantry.endpoints.console.visit import ROOT, ConsoleSite, Page, Visit
from tenantry.identity.grants import pkce
from tenantry.identity.operators import grants
from tenantry.identity.operators.model import READER
from tenantry.net.http import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.client_metadata.unstored_clients import UnstoredClient

PATH = f"{ROOT}/authorize"
_STATE_MAX = 500  # characters
_NAME_MAX = 60


class _Refused(Exception):
    """A request that gets an error in place of the consent page."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where the answer goes: a redirect URI that the client has registered."""

    redirect_uri: str
    state: str | None
    issuer: str

    def answer(self, **members: str) -> Response:
        """Return the redirect, which names the issuer (RFC 9207)."""
        if self.state is not None:
            members["state"] = self.state
        members["iss"] = self.issuer
        mark = "&" if "?" in self.redirect_uri else "?"
        query = urlencode(members, quote_via=quote)
        return Response.redirect(f"{self.redirect_uri}{mark}{query}")

    def refusal(self, error: str, description: str) -> _Refused:
        """Return an error as an answer (RFC 6749 section 4.1.2.1)."""
        return _Refused(self.answer(error=error, error_description=description))


@dataclass(frozen=True, slots=True)
class _AuthorizationRequest:
    """A valid request of a client."""

    client: UnstoredClient
    client_name: str
    destination: _Destination
    code_challenge: str
    scopes: frozenset[str]


def pages(site: ConsoleSite) -> list[Page]:
    """Return the pages of this subject: readers may allow clients to read."""
    authorizing = _Authorizing(site)
    return [
        Page("GET", "/authorize", authorizing.show),
        Page("POST", "/authorize", authorizing.decide, READER),
    ]


class _Authorizing:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site
        self._clients = site.context.unstored_clients

    async def show(self, visit: Visit) -> Response:
        """Ask the operator for consent."""
        try:
            asked = await self._request(visit)
        except _Refused as refused:
            return refused.response
        redirect_uri = asked.destination.redirect_uri
        is_web = redirect_uri.startswith(("https://", "http://"))
        return self._site.show(
            visit.request,
            "authorize.html",
            visit.words,
            client_name=asked.client_name,
            host=asked.client.host,
            is_confusable=names.is_confusable(asked.client.name),
            is_local=redirect_uris.is_loopback(redirect_uri) or not is_web,
            redirect_host=redirect_uris.shown_host(redirect_uri),
            signed_in=visit.session.operator,
            may_write=visit.writes,
            asks_write=grants.WRITE in asked.scopes,
            action=f"{PATH}?{visit.request.query}",
        )

    async def decide(self, visit: Visit) -> Response:
        """Send the browser back to the client, with a code if the operator allows it."""
        try:
            asked = await self._request(visit)
        except _Refused as refused:
            return refused.response
        form, destination = visit.request.form(), asked.destination
        if form.get("decision") != "allow":
            return destination.refusal("access_denied", "the operator denied access").response
        code = await grants.authorize(
            visit.call,
            visit.session.operator,
            client=(asked.client.id, asked.client_name),
            scopes=grants.SCOPES if "write" in form and visit.writes else (grants.READ,),
            redirect_uri=destination.redirect_uri,
            code_challenge=asked.code_challenge,
        )
        return destination.answer(code=code)

    async def _request(self, visit: Visit) -> _AuthorizationRequest:
        """Return the request that the query is, or raise."""
        try:
            pairs = list(urlencoded.members(visit.request.query, most=20))
        except ValueError:
            raise self._invalid(visit, "the query is malformed") from None
        members = dict(pairs)
        if len(members) != len(pairs):
            raise self._invalid(visit, "a parameter is given more than once")
        try:
            client = await self._clients.find(members.get("client_id", ""))
        except DocumentError as problem:
            raise self._invalid(visit, str(problem)) from None
        redirect_uri = members.get("redirect_uri", "")
        if not client.may_redirect(redirect_uri):
            raise self._invalid(visit, "redirect_uri is not registered for this client")
        state = members.get("state")
        if state is not None and len(state) > _STATE_MAX:
            raise self._invalid(visit, f"state must have at most {_STATE_MAX} characters")
        destination = _Destination(redirect_uri, state, self._site.public_url + ROOT)
        return _AuthorizationRequest(
            client,
            names.clean(client.name, most=_NAME_MAX),
            destination,
            self._code_challenge(members, destination),
            frozenset(members.get("scope", "").split()),
        )

    def _code_challenge(self, members: Mapping[str, str], destination: _Destination) -> str:
        """Return the code challenge of a request whose other parameters are valid."""
        if members.get("response_type") != "code":
            raise destination.refusal("unsupported_response_type", "response_type must be code")
        resource = members.get("resource", "").rstrip("/")
        if resource and resource != f"{self._site.public_url}/mcp":
            raise destination.refusal("invalid_target", "resource is not one of this server")
        challenge = members.get("code_challenge", "")
        method = members.get("code_challenge_method")
        if method != pkce.METHOD or not pkce.is_challenge(challenge):
            raise destination.refusal(
                "invalid_request", f"code_challenge with {pkce.METHOD} is required (RFC 7636)"
            )
        return challenge

    def _invalid(self, visit: Visit, problem: str) -> _Refused:
        """Return the page for a request that has no redirect URI to answer to."""
        response = self._site.show(
            visit.request, "authorize_invalid.html", visit.words, problem=problem
        )
        response.status = 400
        return _Refused(response)
