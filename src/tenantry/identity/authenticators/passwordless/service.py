"""The rules of passwordless requests: sending, sending again, verifying.

The limits, and why nobody can lock out the owner of an address by them:

- Mails: two a minute to one address. Those of the sign-in pages are counted for each network that
  they are asked from, so that a stranger that asks all the time leaves the owner's two alone; over
  all networks there are six a minute. Those of applications are counted by themselves.
- Wrong codes: five in ten minutes for one request, which harms the asker alone; and
  fifty in an hour over all requests for an address, for else many requests would be many guesses.
  The link that is in the same mail goes on working: it has 144 bits, and nobody guesses it.
- A device or network that the person has signed in from before has its own mails and codes,
  which nobody elsewhere can use up.
- The same wrong code again within five seconds is the same attempt: clients repeat calls.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import BigInteger, Text, bindparam, delete, insert, update

from tenantry.core import errors, ids
from tenantry.core.addresses import network
from tenantry.core.times import SECOND, now
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.db.writes.rows import bound
from tenantry.events.email import service as email_service
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.passwordless import emails, proofs
from tenantry.identity.authenticators.passwordless.model import (
    EXPIRED,
    GOOD,
    LINK_OTP,
    OTP,
    SIGNIN,
    USED,
    Request,
    passwordless_requests,
)
from tenantry.identity.known_origins import service as known_origins
from tenantry.net import email_addresses
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session

SHORTEST_SECONDS, LONGEST_SECONDS = 60, 3600
EMAILS_A_MINUTE = 2
EMAILS_A_MINUTE_IN_ALL = 6
WRONG_CODES, WRONG_CODES_SECONDS = 5, 600
WRONG_CODES_OF_ADDRESS, WRONG_CODES_OF_ADDRESS_SECONDS = 50, 3600

_REPEAT = 5 * SECOND
_LOOKED_AT = 5  # the newest generations of a link
_KEPT = 24 * 3600 * SECOND  # after it expired: it can still be sent again
# The schemes of links: a browser would run or read the text that follows others.
_SCHEME = re.compile(r"https?|[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+", re.IGNORECASE)
_URI = re.compile(r"""[^\x00-\x20\x7f-\xa0"<>\\^`{|}]+""")

_r = passwordless_requests.c
_ID = bindparam("p_id", type_=Text)
_NOW = bindparam("p_now", type_=BigInteger)
_INSERT = Statement(
    insert(passwordless_requests).values(bound(passwordless_requests)).returning(_r.id),
    email_service.INSERT,
)
_STORED = crud.get(users, by=("email_key",), columns=("email",))
_FIND = crud.get(passwordless_requests)
_HOLD = crud.hold(passwordless_requests)
_RENEW = Statement(
    update(passwordless_requests)
    .where(_r.id == _ID, _r.verify_time.is_(None), _r.generation == bindparam("p_old_generation"))
    .values(generation=bindparam("p_generation"), expire_time=bindparam("p_expire_time"))
    .returning(passwordless_requests)
)
_QUEUE = Statement(email_service.INSERT)
_NOTE_WRONG = Statement(
    update(passwordless_requests)
    .where(_r.id == _ID)
    .values(wrong_digest=bindparam("p_digest"), wrong_time=_NOW)
)
_VERIFY = Statement(
    update(passwordless_requests)
    .where(
        *(_r.id == _ID, _r.verify_time.is_(None), _r.expire_time > _NOW),
        _r.generation == bindparam("p_generation"),
    )
    .values(verify_time=_NOW)
    .returning(passwordless_requests)
)
prune = pruning.Prune(_r.expire_time, keep=_KEPT)
_FORGET = Statement(delete(passwordless_requests).where(_r.email_key == bindparam("p_email_key")))


async def send(
    call: Call,
    *,
    email: str,
    type_: str = LINK_OTP,
    template: str = SIGNIN,
    link_uri: str | None,
    seconds: int,
    state: str | None = None,
    template_variables: Mapping[str, str] | None = None,
    auth_request_id: str | None = None,
    organization_id: str | None = None,
    language: str | None = None,
    client_id: str = "",
) -> Request:
    """Queue a mail with a code, and where there is a ``link_uri``, a link; they are good together.

    It goes to the address that a user has, and not to another spelling of it that was typed.
    ``auth_request_id`` is given by our own pages, with their ``language`` and the ``client_id`` of
    the application that people came from; ``organization_id`` names whom the mail is of.
    """
    email_addresses.checked(email, "email")
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise errors.InvalidArgument.field(
            "expires_in",
            "uint32.gte_lte",
            f"must be from {SHORTEST_SECONDS} to {LONGEST_SECONDS} seconds, got {seconds}",
        )
    if link_uri is None:
        type_ = OTP
    else:
        _check_link_uri(link_uri)
    variables = dict(template_variables or {})
    emails.check_variables(variables)
    await _take_email(call, email, of_application=auth_request_id is None)
    stored = await call.db.fetch_one(_STORED, p_email_key=email_addresses.key(email))
    at = now()
    new = Request(
        id=call.db.new_id(ids.PASSWORDLESS_REQUEST),
        email=email if stored is None else stored["email"],
        type=type_,
        template=template,
        state=state,
        link_uri=link_uri,
        template_variables=variables,
        auth_request_id=auth_request_id,
        organization_id=organization_id,
        generation=1,
        seconds=seconds,
        create_time=at,
        expire_time=at + seconds * SECOND,
        verify_time=None,
    )
    mail = emails.row(call.db, new, language=language, client_id=client_id)
    await call.db.apply(_INSERT, **new.to_params(), **mail)
    return new


async def resend(
    call: Call,
    request_id: str,
    *,
    by_application: bool = False,
    language: str | None = None,
    client_id: str = "",
) -> Request:
    """Send the mail again, under the same id: the same code and link while they are good.

    Their time begins anew. Once it is over there are new ones, and the old ones stay dead.
    ``by_application`` finds only those that an application asked for; ``language`` and
    ``client_id`` are given by our own pages, as to `send`.
    """
    before = await _named(call.db, request_id, by_application=by_application)
    if before.verify_time is not None:
        raise _verified()
    await _take_email(call, before.email, of_application=before.auth_request_id is None)
    async with call.db.transaction() as db:
        row = await db.fetch_one(_HOLD, p_id=request_id)
        if row is None:
            raise errors.NotFound("auth request")
        before, at = Request.from_row(row), now()
        generation = before.generation + (not before.is_good(at))
        row = await db.fetch_one(
            _RENEW,
            p_id=request_id,
            p_old_generation=before.generation,
            p_generation=generation,
            p_expire_time=at + before.seconds * SECOND,
        )
        if row is None:
            raise _verified()
        after = Request.from_row(row)
        mail = emails.row(db, after, language=language, client_id=client_id)
        await db.fetch_all(_QUEUE, **mail)
    return after


async def find(db: Session, request_id: str) -> Request | None:
    """Return a request, good or not."""
    return await _find(db, request_id, by_application=False)


async def verify_code(
    call: Call, request_id: str, code: str, *, by_application: bool = False
) -> Request:
    """Return the request whose code this is; it works once, and then nothing of it does.

    The attempt is counted, and that is committed, before the code is looked at.
    """
    given = proofs.typed(code)
    request = await _named(call.db, request_id, by_application=by_application)
    key = email_addresses.key(request.email)
    origin = "" if by_application else await known_origins.of_mailbox(call.db, call.origin, key)
    guesser = f"{key}|{origin}" if origin else key
    request, wait = await _count(call.db, request_id, given, guesser)
    if wait is not None:
        raise errors.RateLimited(wait, {})
    right = proofs.same(given, proofs.code(call.db, request.id, request.generation))
    right = right and request.has_code
    verified = await _verify(call.db, request) if right else None
    if verified is None:
        raise errors.InvalidArgument.field("code", "valid", "is incorrect or has expired")
    await attempts.clear(call.db, _CODES_OF_ADDRESS, guesser)
    return verified


async def verify_link(
    call: Call, link_token: str, request_id: str | None = None, *, by_application: bool = False
) -> Request:
    """Return the request whose link this is; it works once, and then nothing of it does.

    Where ``request_id`` is given too, it must be that of the link.
    """
    of_token = proofs.request_id_of(link_token)
    found = await _find(call.db, request_id or of_token, by_application=by_application)
    if found is None and request_id:
        raise errors.NotFound("auth request")
    good = found is not None and _opens(call.db, found, link_token, now())
    verified = await _verify(call.db, found) if good and found is not None else None
    if verified is None:
        raise errors.InvalidArgument.field("link_token", "valid", "is incorrect or has expired")
    return verified


async def look_at_link(db: Session, link_token: str) -> tuple[Request, str] | None:
    """Return the request of a link, and its state; None for an unknown token.

    So the holder of the link alone learns anything of it. One that a newer mail took the place
    of has expired.
    """
    request = await _find(db, proofs.request_id_of(link_token), by_application=False)
    if request is None or not request.has_link:
        return None
    newest = request.generation
    for generation in range(newest, max(0, newest - _LOOKED_AT), -1):
        if proofs.same(link_token, proofs.link_token(db, request.id, generation)):
            if request.verify_time is not None:
                return request, USED
            is_good = generation == newest and request.is_good(now())
            return request, GOOD if is_good else EXPIRED
    return None


async def forget(db: Session, address: str) -> None:
    """Delete all requests of an address, given in lower case."""
    await db.fetch_all(_FORGET, p_email_key=address)


_EMAILS, _EMAILS_IN_ALL = "passwordless mails", "passwordless mails in all"
_CODES, _CODES_OF_ADDRESS = "passwordless codes", "passwordless codes of an address"


async def _take_email(call: Call, email: str, *, of_application: bool) -> None:
    key, known, asker = email_addresses.key(email), "", ""
    if not of_application:
        known = await known_origins.of_mailbox(call.db, call.origin, key)
        asker = known or network(call.origin.address)
    await attempts.take(call.db, _EMAILS, f"{key}|{asker}", most=EMAILS_A_MINUTE, seconds=60)
    if not known and not of_application:
        await attempts.take(call.db, _EMAILS_IN_ALL, key, most=EMAILS_A_MINUTE_IN_ALL, seconds=60)


async def _count(
    db: Session, request_id: str, code: str, guesser: str
) -> tuple[Request, int | None]:
    """Count an attempt; return the request, and the seconds to wait if it is one too many.

    The row is held meanwhile, so that a code which comes many times at once is one attempt. A
    refused code is not noted: when it came again, it would pass for counted.
    """
    digest = proofs.digest(db, request_id, code)
    async with db.transaction() as session:
        row = await session.fetch_one(_HOLD, p_id=request_id)
        if row is None:
            raise errors.NotFound("auth request")
        request, at = Request.from_row(row), now()
        repeated = row["wrong_digest"] == digest and row["wrong_time"] > at - _REPEAT
        if repeated or not request.is_good(at):
            return request, None
        for kind, whose, most, seconds in (
            (_CODES, request_id, WRONG_CODES, WRONG_CODES_SECONDS),
            (
                *(_CODES_OF_ADDRESS, guesser),
                *(WRONG_CODES_OF_ADDRESS, WRONG_CODES_OF_ADDRESS_SECONDS),
            ),
        ):
            n, wait = await attempts.count(session, kind, whose, seconds=seconds)
            if n > most:
                return request, wait
        await session.fetch_all(_NOTE_WRONG, p_id=request_id, p_digest=digest, p_now=at)
    return request, None


async def _named(db: Session, request_id: str, *, by_application: bool) -> Request:
    found = await _find(db, request_id, by_application=by_application)
    if found is None:
        raise errors.NotFound("auth request")
    return found


async def _find(db: Session, request_id: str, *, by_application: bool) -> Request | None:
    if not ids.well_formed(ids.PASSWORDLESS_REQUEST, request_id):
        return None
    row = await db.fetch_one(_FIND, p_id=request_id)
    if row is None or (by_application and row["auth_request_id"] is not None):
        return None
    return Request.from_row(row)


def _opens(db: Session, request: Request, link_token: str, at: int) -> bool:
    right = proofs.link_token(db, request.id, request.generation)
    return proofs.same(link_token, right) and request.has_link and request.is_good(at)


async def _verify(db: Session, request: Request) -> Request | None:
    """Use a request up; None if it was, or its time is over."""
    row = await db.fetch_one(_VERIFY, p_id=request.id, p_generation=request.generation, p_now=now())
    return Request.from_row(row) if row else None


def _check_link_uri(uri: str) -> None:
    try:
        url = urlsplit(uri)
        scheme = _SCHEME.fullmatch(url.scheme)
        good = scheme is not None and _URI.fullmatch(uri) is not None
        good = good and bool(url.hostname or url.scheme.lower() not in {"http", "https"})
    except ValueError:
        good = False
    if not good:
        raise errors.InvalidArgument.field(
            "magiclink_auth_uri",
            "uri",
            "must be an http or https URL, or use a private-use scheme such as com.example.app:/",
        )


def _verified() -> errors.InvalidArgument:
    return errors.InvalidArgument.field("auth_request_id", "unverified", "is already verified")
