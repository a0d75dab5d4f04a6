"""Identity assertions (ID-JAG) of the identity providers of organizations.

A connection accepts them with `id_jag_enabled`. Several organizations may use one issuer: the
assertion belongs to the connection that knows the user.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, literal_column, or_, select

from tenantry.core import errors
from tenantry.core.times import SECOND, now
from tenantry.crypto.jws import ALGORITHMS
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.connections.model import Connection, connections
from tenantry.identity.connections.oidc import id_jag, jwts
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.reading import IS_OWNED, IS_SERVING
from tenantry.identity.connections.settings import OIDCSettings
from tenantry.identity.federation import replays
from tenantry.identity.federation.model import federated_identities
from tenantry.net import email_addresses
from tenantry.telemetry.log import warn_rate_limited
from tenantry.tenants.domains.model import domains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Session
    from tenantry.identity.connections.oidc.id_jag import Hints, IdentityAssertion
    from tenantry.identity.connections.oidc.jwts import Signed
    from tenantry.identity.federation.openid import RelyingParty

_MOST = 10  # connections that an assertion is compared with

_c, _i, _d = connections.c, federated_identities.c, domains.c
_knows_subject = (
    select(_i.user_id)
    .where(_i.connection_id == _c.id, _i.subject == bindparam("p_subject", type_=Text))
    .correlate(connections)
    .exists()
)
_owns_domain = (
    select(_d.id)
    .where(
        _d.domain == bindparam("p_domain", type_=Text),
        _d.organization_id == _c.organization_id,
        IS_OWNED,
    )
    .correlate(connections)
    .exists()
)
_CANDIDATES = Statement(
    select(connections, _knows_subject.label("knows_subject"))
    .where(
        _c.id_jag_issuer == bindparam("p_issuer", type_=Text),
        IS_SERVING,
        or_(_knows_subject, _owns_domain),
    )
    .order_by(_c.id)
    .limit(literal_column(str(_MOST)))
)

_log = logging.getLogger(__name__)


class AssertionRefused(Exception):
    """The assertion is not accepted; the text is for the developer of the client."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The client and the resource that an assertion must name."""

    client_id: str
    issuers: Sequence[str]  # of this server, that may be the audience
    resources: Sequence[str]  # names of the resource, without a final slash


@dataclass(frozen=True, slots=True)
class Accepted:
    """A verified assertion, and the connection of its issuer."""

    connection: Connection
    assertion: IdentityAssertion

    @property
    def identity(self) -> FederatedIdentity:
        """The user as the identity provider names them."""
        return FederatedIdentity(subject=self.assertion.subject, email=self.assertion.email)


async def verify(db: Session, party: RelyingParty, text: str, expected: Expected) -> Accepted:
    """Return a verified assertion, and its connection.

    Raises:
        AssertionRefused: no connection accepts it, or it does not hold.

    """
    try:
        jwt = jwts.read(text, algorithms=ALGORITHMS)
        hints = id_jag.hints(jwt)
        connection = await _connection(db, hints)
        return Accepted(connection, await _verified(party, connection, jwt, expected))
    except OIDCError as problem:
        # The faults of signed JWTs are worded for ID tokens.
        sentence = problem.description.replace("ID token", "assertion")
        raise AssertionRefused(sentence) from None


async def spend(
    db: Session, accepted: Accepted, *, client_id: str, resource_id: str, scopes: Sequence[str]
) -> None:
    """Record the use of an assertion, within a transaction.

    Identity providers let a client present an assertion again until it expires. Another client,
    resource or set of scopes is refused: the assertion was copied.

    Raises:
        AssertionRefused: it was used for something else before.

    """
    connection_id, jti = accepted.connection.id, accepted.assertion.jti
    expire_time = accepted.assertion.expires * SECOND
    use = "\n".join((jti, client_id, resource_id, *sorted(scopes)))
    is_first = await replays.spend(db, connection_id, f"id-jag {jti}", expire_time=expire_time)
    if is_first:
        await replays.spend(db, connection_id, f"id-jag-use {use}", expire_time=expire_time)
    elif not await replays.is_spent(db, connection_id, f"id-jag-use {use}"):
        fields = {"connection_id": connection_id, "client_id": client_id, "jti": jti}
        warn_rate_limited(_log, "refused a replayed identity assertion", connection_id, fields)
        message = "The assertion was used before, for another client, resource or scope."
        raise AssertionRefused(message)


async def _connection(db: Session, hints: Hints) -> Connection:
    """Return the connection of an assertion; its claims are not verified yet."""
    rows = await db.fetch_all(
        _CANDIDATES,
        p_issuer=hints.issuer.rstrip("/"),
        p_subject=hints.subject,
        p_domain=_domain_of(hints.email),
    )
    if hints.organization_id:
        rows = [row for row in rows if row["organization_id"] == hints.organization_id]
    knowing = [row for row in rows if row["knows_subject"]]
    found = [Connection.from_row(row) for row in knowing or rows]
    # A process of an earlier version may have changed the settings alone.
    found = [one for one in found if one.id_jag_issuer is not None]
    if not found:
        message = "No connection accepts assertions of this issuer for this user."
        raise AssertionRefused(message)
    if len({one.organization_id for one in found}) > 1:
        message = "Several organizations know the user: set aud_tenant to an organization ID."
        raise AssertionRefused(message)
    return found[0]


async def _verified(
    party: RelyingParty, connection: Connection, jwt: Signed, expected: Expected
) -> IdentityAssertion:
    provider = await party.provider(connection, OIDCSettings.stored(connection.settings))
    # Again, with the algorithms of this provider.
    if jwt.algorithm not in provider.algorithms:
        message = f"The provider does not sign with {jwt.algorithm}."
        raise AssertionRefused(message)
    found = id_jag.verify(
        jwt,
        issuer=provider.issuer,
        audiences=expected.issuers,
        client_id=expected.client_id,
        resources=expected.resources,
        now=now() / SECOND,
        skew=party.skew,
    )
    await party.hold_to_signature(jwt, provider, is_debug=connection.debug_enabled)
    return found


def _domain_of(email: str) -> str:
    try:
        email_addresses.checked(email)
    except errors.InvalidArgument:
        return ""
    return email_addresses.domain_of(email)
