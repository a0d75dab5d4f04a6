"""Our side of a connection, to its identity provider: our names, addresses and keys.

A connection that came from another vendor may keep the names and addresses that its identity
provider knows. Ours are served beside them, and taken too.
"""

from __future__ import annotations

import asyncio
import base64
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from tenantry.core.times import DAY, SECOND, now
from tenantry.identity.connections import addresses
from tenantry.identity.connections.certificates.key_pairs import KeyPairs
from tenantry.identity.connections.model import SAML
from tenantry.identity.connections.saml import faults, writing
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.metadata import sp_metadata
from tenantry.identity.connections.saml.names import NameIDFormat
from tenantry.identity.connections.saml.trust import SigningOption, Trust
from tenantry.identity.connections.settings import SAMLSettings
from tenantry.identity.federation.attributes import CustomAttributes

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

    from tenantry.db.engine import Database
    from tenantry.identity.connections.certificates.key_pairs import Pairs
    from tenantry.identity.connections.changes.metadata_refresh import OnDemandRefresh
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.saml.certificates import SigningPair
    from tenantry.settings import Settings

_T = TypeVar("_T")

# Verifying takes 1 to 2 ms for most, and up to 50 ms for the costliest that 256 KB have room for:
# from this size of a message on a thread does it, so that nothing else waits.
_LARGE = 16 * 1024
_METADATA_DAYS = 14  # that our metadata is valid, and may be kept
# NameIdFormat of the contract; NAME_ID_FORMAT_NIL asks for none.
_NAME_ID_FORMATS = {
    "UNSPECIFIED": NameIDFormat.UNSPECIFIED,
    "EMAIL": NameIDFormat.EMAIL,
    "TRANSIENT": NameIDFormat.TRANSIENT,
    "PERSISTENT": NameIDFormat.PERSISTENT,
}


@dataclass(frozen=True)
class SPConfiguration:
    """Our side of one connection at one time; addresses are those that its provider knows."""

    connection: Connection
    settings: SAMLSettings
    sp_entity_id: str
    acs_urls: tuple[str, ...]  # the first one is asked for
    slo_urls: tuple[str, ...]
    pairs: Pairs
    skew: int

    @property
    def signing(self) -> SigningPair:
        return self.pairs.signing(self.settings.certificate_id)

    @property
    def name_id_format(self) -> NameIDFormat | None:
        return _NAME_ID_FORMATS.get(self.settings.idp_name_id_format)

    @functools.cached_property
    def trust(self) -> Trust:
        settings = self.settings
        return Trust(
            idp_entity_id=settings.idp_entity_id,
            idp_certificates=tuple(
                _certificate(one["certificate"]) for one in settings.idp_certificates
            ),
            sp_entity_id=self.sp_entity_id,
            acs_urls=self.acs_urls,
            slo_urls=self.slo_urls,
            signing=_signing_option(settings.saml_signing_option),
            decryption_keys=tuple(one.pair.private_key for one in self.pairs.all),
            assertion_encrypted=settings.assertion_encrypted,
            sha1=settings.accept_sha1,
        )


class ServiceProvider:
    """Our side of all SAML connections, in one process.

    ``refresh`` reads metadata when a signature does not verify; without it messages are only sent.
    """

    def __init__(
        self, db: Database, settings: Settings, refresh: OnDemandRefresh | None = None
    ) -> None:
        self.db = db
        self._refresh = refresh
        self.custom_attributes = CustomAttributes(db)
        self._key_pairs = KeyPairs(db)
        self._public_url = settings.public_url
        self._skew = settings.sso_clock_skew_seconds * SECOND

    async def side(self, connection: Connection) -> SPConfiguration:
        settings = SAMLSettings.stored(connection.settings)
        ours = addresses.base(self._public_url, connection)
        return SPConfiguration(
            connection=connection,
            settings=settings,
            sp_entity_id=settings.sp_entity_id or ours,
            acs_urls=_with(settings.sp_assertion_url, f"{ours}/callback"),
            slo_urls=_with(settings.sp_slo_url, f"{ours}/slo", f"{ours}/slo/callback"),
            pairs=await self._key_pairs.get(),
            skew=self._skew,
        )

    async def verified(
        self, side: SPConfiguration, verify: Callable[[SPConfiguration], _T], *, size: int
    ) -> _T:
        """Return what ``verify`` finds in a message of the identity provider of this size.

        Where its signature is by a certificate that is not known, the metadata is read again, and
        the message verified once more if that brought other certificates.
        """

        async def attempt(side: SPConfiguration) -> _T:
            return await asyncio.to_thread(verify, side) if size > _LARGE else verify(side)

        try:
            return await attempt(side)
        except SAMLError as error:
            if self._refresh is None or error.fault is not faults.SIGNATURE:
                raise
            connection = await self._refresh.with_new_certificates(side.connection)
            if connection is None:
                raise
        return await attempt(await self.side(connection))


def metadata(side: SPConfiguration) -> bytes:
    """Return our metadata for a connection, signed; with the next key beside the current one."""
    following = side.pairs.following
    option = _signing_option(side.settings.saml_signing_option)
    return sp_metadata.write(
        identifier=writing.new_id(),
        sp_entity_id=side.sp_entity_id,
        acs_urls=side.acs_urls,
        slo_urls=side.slo_urls[:1],
        current=side.pairs.current.pair,
        others=() if following is None else (following.pair.certificate,),
        authn_requests_signed=side.settings.want_request_signed,
        want_assertions_signed=option.of_assertion,
        name_id_format=side.name_id_format,
        valid_until=now() + _METADATA_DAYS * DAY,
    )


def keeps(connection: Connection, path: str) -> bool:
    """Whether a path is that of the assertion consumer which a connection keeps."""
    kept = SAMLSettings.stored(connection.settings).sp_assertion_url
    try:
        return connection.type == SAML and bool(kept) and urlsplit(kept).path == path
    except ValueError:
        return False


def _with(other: str, *ours: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((other, *ours) if other else ours))


def _signing_option(name: str) -> SigningOption:
    """Return the option of this name; one that nobody has chosen is the contract's default."""
    known = SigningOption.__members__
    return known.get(name, SigningOption.SAML_RESPONSE_OR_ASSERTION_SIGNING)


@functools.lru_cache(maxsize=256)
def _certificate(encoded: str) -> x509.Certificate:
    from cryptography import x509

    return x509.load_der_x509_certificate(base64.b64decode(encoded))
