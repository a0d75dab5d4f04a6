"""Google Workspace's Directory API, as far as a poll reads it.

https://developers.google.com/workspace/admin/directory/reference/rest/v1 has its methods:
users.list, groups.list, groups.get and members.list, a page at a time. Its addresses are Google's,
or those of a gateway of the operator; nothing of a customer's goes into them but the id of a group.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from tenantry.core import strict_json
from tenantry.crypto.vault import digest
from tenantry.net.outgoing import NoResponse
from tenantry.tenants.directories.polling import service_accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.net.outgoing import Outgoing, OutgoingResponse
    from tenantry.tenants.directories.polling.service_accounts import ServiceAccount

PAGE = 200  # people, groups or members; more than 200 members, none gets
_SECONDS = 30.0  # that one request may take
_MOST_BYTES = 4 << 20
_MOST_VALUES = 200_000
_MOST_SAID = 200  # characters of what an error says
_MOST_ID = 256  # characters of an id, or of a page token below
_MOST_TOKEN = 8192
_LONGEST_PAUSE = 3600.0
_TOKENS = 1000  # kept
_EARLY_SECONDS = 120.0  # before a token ends it is not used any more

# Asked for is all that becomes an attribute, and no more.
_PERSON = (
    "id,primaryEmail,name(givenName,familyName,fullName,displayName),suspended,archived,aliases,"
    "emails,phones,addresses,organizations,externalIds,relations,languages,locations,customSchemas"
)
_GROUP = "id,name,email,description"
_MEMBER = "id,email,type"
# Reasons of a 403 that pass by themselves
# (https://developers.google.com/workspace/admin/directory/v1/limits).
_PASSING = {
    *("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"),
    "backendError",
}


class Problem(Exception):
    """A request that did not bring what it was to bring; the text is a sentence for people."""


class TemporaryError(Problem):
    """It is worth a try later; ``seconds`` is the wait that was asked for."""

    def __init__(self, sentence: str, seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class AccessRefused(Problem):
    """Somebody has to do something first: consent is lost, a right is missing, an API is off."""


class GroupNotFound(Problem):
    """There is no such group."""


class StalePage(Problem):
    """The page token is not taken any more: a list is to be read from its beginning."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list; the token is "" at its end."""

    items: list[dict[str, Any]]
    next_page_token: str


class Workspace:
    """Asks for pages. It keeps access tokens in memory, as long as they are good."""

    def __init__(self, outgoing: Outgoing, gateway: str = "") -> None:
        self._outgoing = outgoing
        self._token_url = f"{gateway or 'https://oauth2.googleapis.com'}/token"
        self._api = f"{gateway or 'https://admin.googleapis.com'}/admin/directory/v1"
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def users(
        self, account: ServiceAccount, page_token: str = "", *, page_size: int = PAGE
    ) -> Listed:
        """Return a page of all people of the customer, of all their domains."""
        asked = {"customer": "my_customer", "orderBy": "email", "projection": "full"}
        asked["maxResults"] = str(page_size)
        asked["fields"] = f"nextPageToken,users({_PERSON})"
        return await self._list(account, "/users", asked, page_token)

    async def groups(
        self, account: ServiceAccount, page_token: str = "", *, page_size: int = PAGE
    ) -> Listed:
        asked = {"customer": "my_customer", "orderBy": "email", "maxResults": str(page_size)}
        asked["fields"] = f"nextPageToken,groups({_GROUP})"
        return await self._list(account, "/groups", asked, page_token)

    async def group(self, account: ServiceAccount, group_id: str) -> dict[str, Any]:
        found = await self._get(account, f"/groups/{quote(group_id, safe='')}", {"fields": _GROUP})
        return _identified(found)

    async def members(self, account: ServiceAccount, group_id: str, page_token: str = "") -> Listed:
        """Return a page of a group's direct members, whose `type` is USER, GROUP or CUSTOMER.

        Not those of groups in it: `includeDerivedMembership` has been known to leave some out.
        """
        path = f"/groups/{quote(group_id, safe='')}/members"
        asked = {"fields": f"nextPageToken,members({_MEMBER})"}
        return await self._list(account, path, asked, page_token)

    async def _list(
        self, account: ServiceAccount, path: str, asked: Mapping[str, str], page_token: str
    ) -> Listed:
        query = {"maxResults": str(PAGE), **asked}
        if page_token:
            query["pageToken"] = page_token
        found = await self._get(account, path, query)
        items, token = found.get(path.rpartition("/")[2], []), found.get("nextPageToken", "")
        if not isinstance(items, list) or not isinstance(token, str) or len(token) > _MOST_TOKEN:
            raise _unreadable()
        return Listed([_identified(one) for one in items], token)

    async def _get(
        self, account: ServiceAccount, path: str, query: Mapping[str, str]
    ) -> dict[str, Any]:
        for again in (True, False):
            token = await self._token(account)
            answer = await self._send(
                "GET",
                f"{self._api}{path}?{urlencode(query)}",
                {"accept": "application/json", "authorization": f"Bearer {token}"},
            )
            if answer.status == 401 and again:  # it has ended early
                self._tokens.pop(_key(account), None)
                continue
            break
        if answer.status == 200:
            return _object(answer)
        raise _problem(answer, paged="pageToken" in query)

    async def _token(self, account: ServiceAccount) -> str:
        """Return an access token (RFC 7523 section 2.1)."""
        key = _key(account)
        kept, until = self._tokens.get(key, ("", 0.0))
        if time.monotonic() < until:
            return kept
        assertion = service_accounts.assertion(
            account, audience=self._token_url, now=int(time.time())
        )
        form = {"grant_type": service_accounts.GRANT_TYPE, "assertion": assertion}
        headers = {
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
        }
        answer = await self._send("POST", self._token_url, headers, urlencode(form).encode())
        if answer.status != 200:
            raise _no_token(answer)
        content = _object(answer)
        token, seconds = content.get("access_token"), content.get("expires_in", 0)
        if not isinstance(token, str) or not isinstance(seconds, int | float):
            raise _unreadable()
        if not 0 < len(token) <= _MOST_TOKEN or not (token.isascii() and token.isprintable()):
            raise _unreadable()
        self._tokens[key] = token, time.monotonic() + min(seconds, 3600) - _EARLY_SECONDS
        self._tokens.move_to_end(key)
        while len(self._tokens) > _TOKENS:
            self._tokens.popitem(last=False)
        return token

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> OutgoingResponse:
        try:
            answer = await self._outgoing.send(
                method, url, headers=headers, body=body, seconds=_SECONDS, most_bytes=_MOST_BYTES
            )
        except NoResponse as problem:
            raise TemporaryError(f"The request to Google Workspace failed: {problem}.") from None
        if answer.cut:
            raise _unreadable()
        return answer


def _key(account: ServiceAccount) -> str:
    """Return what a token is kept by: the very key and person that it was given for."""
    return digest(f"{account.subject} {account.client_email} {account.private_key}")


def _object(answer: OutgoingResponse) -> dict[str, Any]:
    try:
        strict_json.check(answer.body, values=_MOST_VALUES)
        content = orjson.loads(answer.body)
    except ValueError:
        raise _unreadable() from None
    if not isinstance(content, dict):
        raise _unreadable()
    return content


def _identified(one: Any) -> dict[str, Any]:
    id_ = one.get("id") if isinstance(one, dict) else None
    if not isinstance(id_, str) or not 0 < len(id_) <= _MOST_ID or not id_.isprintable():
        raise _unreadable()
    found: dict[str, Any] = one
    return found


def _unreadable() -> TemporaryError:
    return TemporaryError("A response of Google Workspace could not be read.")


def _problem(answer: OutgoingResponse, *, paged: bool) -> Problem:
    reason, said = _said(answer)
    if answer.status == 404:
        return GroupNotFound(f"The group does not exist in Google Workspace: {said}.")
    if answer.status in {408, 429} or answer.status >= 500 or reason in _PASSING:
        return TemporaryError(
            f"Google Workspace is temporarily unavailable: {said}.", _retry_after(answer.headers)
        )
    if answer.status in {400, 410} and paged:
        return StalePage(f"The list is no longer available in Google Workspace: {said}.")
    if answer.status in {401, 403}:
        return AccessRefused(
            f"Google Workspace denied access: {said}. Check that the administrator can still read "
            "users and groups, and that the Admin SDK API is enabled."
        )
    return AccessRefused(f"Google Workspace rejected the request: {said}.")


_DELEGATION = (
    "The customer's administrator must authorize the service account's client ID for the domain, "
    "with the three scopes."
)


def _no_token(answer: OutgoingResponse) -> Problem:
    """Return the meaning of a refusal to give a token (RFC 6749 section 5.2)."""
    try:
        content = _object(answer)
    except TemporaryError:
        content = {}
    code = content.get("error")
    if answer.status == 429 or answer.status >= 500 or not isinstance(code, str):
        status = f"status {answer.status} for a token"
        return TemporaryError(
            f"Google Workspace is temporarily unavailable: {status}.", _retry_after(answer.headers)
        )
    detail = content.get("error_description")
    said = _short(f"{code}, {detail}" if isinstance(detail, str) else code)
    remedy = {
        "unauthorized_client": _DELEGATION,
        "access_denied": _DELEGATION,
        "invalid_grant": "Check that the service account's key still exists and that the "
        "administrator belongs to the domain.",
        "invalid_client": "Check that the service account still exists.",
    }.get(code, "")
    return AccessRefused(f"Google did not issue an access token: {said}. {remedy}".rstrip())


def _said(answer: OutgoingResponse) -> tuple[str, str]:
    """Return reason and message of an error, as Google's APIs write them, the latter cut short."""
    try:
        error = _object(answer).get("error")
    except TemporaryError:
        error = None
    if not isinstance(error, dict):
        return "", f"status {answer.status}"
    details = error.get("errors")
    first = details[0] if isinstance(details, list) and details else {}
    reason = first.get("reason") if isinstance(first, dict) else None
    reason = reason if isinstance(reason, str) else ""
    message = error.get("message")
    told = f"{answer.status} {reason}".strip()
    return reason, _short(f"{told}, {message}" if isinstance(message, str) else told)


def _short(said: str) -> str:
    line = " ".join(said.split()).rstrip(".")
    return "".join(filter(str.isprintable, line))[:_MOST_SAID]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait that an answer asks for (RFC 9110 section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return min(float(value[:9]), _LONGEST_PAUSE)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_PAUSE)
