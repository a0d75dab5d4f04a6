"""Changing a connection: values are checked, then looked up at its provider, then written.

A provider is asked before the transaction, as it takes its time. Without an answer all given
values are kept: the connection stays incomplete, and says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.identity.connections import addresses, completeness, field_values, service
from tenantry.identity.connections.changes import check_schedule, client_secrets
from tenantry.identity.connections.model import (
    DISCOVERY,
    IDP_SIMULATOR,
    MANUAL,
    OAUTH,
    OIDC,
    SAML,
    Connection,
)
from tenantry.identity.connections.oidc.metadata import address, is_document
from tenantry.identity.connections.providers import metadata
from tenantry.identity.connections.settings import OAuthSettings, OIDCSettings, SAMLSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.connections.providers.fetching import ConnectionContext
    from tenantry.identity.connections.saml.metadata.idp_metadata import IdentityProvider
    from tenantry.identity.connections.settings import Settings

SETTINGS: dict[str, type[Settings]] = {
    OIDC: OIDCSettings,
    SAML: SAMLSettings,
    OAUTH: OAuthSettings,
}
# Members of OIDC that the discovery document has, by its own names.
_DISCOVERED = {
    "authorize_uri": "authorization_endpoint",
    "token_uri": "token_endpoint",
    "user_info_uri": "userinfo_endpoint",
    "jwks_uri": "jwks_uri",
    "end_session_uri": "end_session_endpoint",
}
_NEEDED = ("authorize_uri", "token_uri", "jwks_uri")
# Our addresses that others may stand for.
_OURS = {
    "sp_entity_id": addresses.base,
    "sp_assertion_url": addresses.callback,
    "sp_slo_url": addresses.slo,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The values of a request: None, or "" for names, where it says nothing.

    ``settings`` are the members of ``config`` that are present, by the contract's names; a secret
    and certificates stand beside them as they came.
    """

    provider: str = ""
    provider_key: str = ""
    type: str = ""
    key_id: str | None = None
    debug_enabled: bool | None = None
    ui_button_title: str | None = None
    configuration_type: str = ""
    attribute_mapping: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    secret: str | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Members of the settings that a provider says itself; or the reason for there being none."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    certificates: tuple[Any, ...] = ()
    fault: str = ""


async def ask(
    call: Call,
    ground: ConnectionContext,
    organization_id: str | None,
    connection_id: str,
    changes: Changes,
) -> Found | None:
    """Ask the provider for what the change leaves to it; None if it leaves nothing."""
    before = await service.get(call, organization_id, connection_id)
    after = changed(call.db, before, changes, ground)
    if before.type == OIDC and _asks_issuer(before, after, changes):
        return await _discovered(ground, after)
    if before.type == SAML and "idp_metadata_url" in changes.settings:
        return await _metadata(ground, after)
    return None


async def change(
    call: Call,
    ground: ConnectionContext,
    organization_id: str | None,
    connection_id: str,
    changes: Changes,
) -> Connection:
    """Change a connection by given values, and around these by those that `ask` found."""
    async with call.db.transaction() as db:
        before = normal(await service.hold(call, db, organization_id, connection_id))
        after = completed(db, changed(db, before, changes, ground), changes, call.found)
        if before.enabled:
            service.check_complete(after)
        if not client_secrets.is_given(changes.secret):
            client_secrets.check_kept(before, after, f"connection.{changes.config}.client_secret")
        return await service.save(call, db, before, after, "updated")


async def import_metadata(
    call: Call, ground: ConnectionContext, connection_id: str, xml: str
) -> Connection:
    """Replace the provider settings of a SAML connection by metadata given as XML.

    The connection gets exactly the settings that it would get from the same document at a URL. It
    has no metadata URL afterwards, which would bring that document back.
    """
    from tenantry.identity.connections.saml.faults import SAMLError
    from tenantry.identity.connections.saml.metadata import idp_metadata

    before = await service.get_any(call, connection_id)
    if before.type != SAML:
        raise errors.InvalidArgument.field(
            "connection_id", "type", f"must be a SAML connection; this one is {before.type}"
        )
    tls_only = not (before.debug_enabled and ground.development)
    try:
        call.found = _of_metadata(idp_metadata.read(xml.encode()), tls_only=tls_only)
    except SAMLError as problem:
        raise errors.InvalidArgument.field("metadata", "metadata", problem.description) from None
    changes = Changes(
        provider=before.provider,
        provider_key=before.provider_key,
        config=completeness.CONFIG[SAML],
        settings={"idp_metadata_url": ""},
    )
    return await change(call, ground, before.organization_id, before.id, changes)


def changed(
    db: Session, before: Connection, changes: Changes, ground: ConnectionContext
) -> Connection:
    """Return a connection with given values; endpoints of a new issuer are empty then."""
    _check_kind(before, changes)
    members: dict[str, Any] = {}
    provider, provider_key = service.named(changes.provider, changes.provider_key)
    if not changes.provider_key and provider == before.provider:
        provider_key = before.provider_key  # each update has to name a provider
    if (provider == IDP_SIMULATOR) != (before.provider == IDP_SIMULATOR):
        raise errors.InvalidArgument.field(
            "connection.provider", "immutable", "cannot be changed to or from the simulator"
        )
    members |= {"provider": provider, "provider_key": provider_key}
    if changes.key_id is not None:
        members["key_id"] = field_values.text(changes.key_id, "connection.key_id", most=300)
    if changes.debug_enabled is not None:
        members["debug_enabled"] = changes.debug_enabled
    if changes.ui_button_title is not None:
        members["ui_button_title"] = field_values.text(
            changes.ui_button_title, "connection.ui_button_title"
        )
    if changes.configuration_type:
        members["configuration_type"] = changes.configuration_type
    if changes.attribute_mapping:
        members["attribute_mapping"] = dict(changes.attribute_mapping)
    after = replace(before, **members)
    if not changes.config:
        return after
    return replace(after, **_settings(db, after, changes, ground))


def normal(connection: Connection) -> Connection:
    """Return a connection whose settings compare with those of a change."""
    kind = SETTINGS.get(connection.type)
    if kind is None:
        return connection
    return replace(connection, settings=kind.stored(connection.settings).to_row())


def completed(db: Session, after: Connection, changes: Changes, found: Found | None) -> Connection:
    """Return a changed connection with its findings, and how far it is then."""
    settings = dict(after.settings)
    if found is not None:
        settings.pop("fault", None)
        # Values that are given by name go before those that were found.
        own = {name for name, value in changes.settings.items() if value}
        own -= {"issuer", "discovery_endpoint", "idp_metadata_url"}
        settings |= {name: value for name, value in found.settings.items() if name not in own}
        if found.certificates and not changes.certificate:
            settings["idp_certificates"] = field_values.taken(
                db, found.certificates, settings.get("idp_certificates", ()), at=now()
            )
        if found.fault:
            settings["fault"] = found.fault
    kept = SETTINGS[after.type].stored(settings).to_row() if after.type in SETTINGS else {}
    after = replace(after, settings=kept)
    after = replace(after, status=completeness.status(after))
    return replace(after, check_time=check_schedule.next_check(now(), after))


def new_secret(db: Session, before: Connection, changes: Changes) -> dict[str, str | None]:
    """Return the column of a new client secret, encrypted; nothing for the former one."""
    if changes.secret is None or not client_secrets.is_given(changes.secret):
        return {}
    field = f"connection.{changes.config}.client_secret"
    plain = field_values.text(changes.secret, field, most=field_values.SECRET_MAX)
    return client_secrets.encrypted(db, before, plain)


def _check_kind(before: Connection, changes: Changes) -> None:
    if changes.type and changes.type != before.type:
        raise errors.InvalidArgument.field(
            "connection.type", "immutable", f"cannot change: it is {before.type}"
        )
    config = completeness.CONFIG.get(before.type)
    if config is None:
        raise errors.InvalidArgument(
            f"{before.type} is configured by deployment settings and cannot be changed by this call"
        )
    if changes.config and changes.config != config:
        raise errors.InvalidArgument.field(
            f"connection.{changes.config}", "oneof", f"the connection is {before.type}"
        )


def _settings(
    db: Session, before: Connection, changes: Changes, ground: ConnectionContext
) -> dict[str, Any]:
    tls_only = not (before.debug_enabled and ground.development)
    checked = field_values.settings(changes.settings, changes.config, tls_only=tls_only)
    for name, own in _OURS.items():
        if checked.get(name) == own(ground.public_url, before):
            checked[name] = ""
    settings = {**before.settings, **checked}
    if _is_new(before, checked, "issuer", "discovery_endpoint", "idp_metadata_url"):
        settings.pop("fault", None)
    if before.type == OIDC and before.configuration_type != MANUAL:
        settings |= _endpoints(before, checked)
    if changes.certificate is not None:
        settings["idp_certificates"] = field_values.certificates(
            db, changes.certificate, before.settings.get("idp_certificates", ()), at=now()
        )
    return {"settings": settings, **new_secret(db, before, changes)}


def _endpoints(before: Connection, checked: Mapping[str, Any]) -> dict[str, str]:
    """Return endpoints that a new issuer leaves: none of the former would be its own."""
    if not _is_new(before, checked, "issuer", "discovery_endpoint"):
        return {}
    left: dict[str, str] = {name: checked.get(name, "") for name in _DISCOVERED}
    if is_document(checked.get("issuer", "")):
        left["discovery_endpoint"] = checked["issuer"]
    elif "discovery_endpoint" not in checked:
        left["discovery_endpoint"] = ""
    return left


def _is_new(before: Connection, checked: Mapping[str, Any], *names: str) -> bool:
    return any(name in checked and checked[name] != before.settings.get(name, "") for name in names)


def _asks_issuer(before: Connection, after: Connection, changes: Changes) -> bool:
    """Whether endpoints are missing that a discovery document would say."""
    settings = after.settings
    if after.configuration_type == MANUAL or after.provider == IDP_SIMULATOR:
        return False
    if not settings.get("issuer") and not settings.get("discovery_endpoint"):
        return False
    named = {"issuer", "discovery_endpoint"} & changes.settings.keys()
    lacking = not all(settings.get(name) for name in _NEEDED)
    asked_for = changes.configuration_type == DISCOVERY != before.configuration_type
    return (lacking and bool(named)) or asked_for


async def _discovered(ground: ConnectionContext, after: Connection) -> Found:
    from tenantry.identity.connections.oidc.faults import OIDCError

    settings, is_debug = after.settings, after.debug_enabled and ground.development
    place = settings.get("discovery_endpoint") or settings["issuer"]
    # An issuer may stand there, or the document at an address that does not look like one.
    places = [address(place)]
    if settings.get("discovery_endpoint") and place != places[0]:
        places.append(place)
    faults = []
    for one in places:
        try:
            known = await ground.fetching.metadata(one, is_debug=is_debug)
        except OIDCError as problem:
            faults.append(problem.description)
            continue
        members = {name: getattr(known, said) for name, said in _DISCOVERED.items()}
        if settings.get("discovery_endpoint"):
            members["discovery_endpoint"] = one
        return Found({"issuer": known.issuer, **members})
    return Found(fault=faults[0])


async def _metadata(ground: ConnectionContext, after: Connection) -> Found:
    from tenantry.identity.connections.saml.faults import SAMLError

    url = after.settings.get("idp_metadata_url", "")
    if not url:
        return Found()
    tls_only = not (after.debug_enabled and ground.development)
    try:
        provider = await metadata.fetch(ground.outgoing, url, tls_only=tls_only)
        return _of_metadata(provider, tls_only=tls_only)
    except SAMLError as problem:
        return Found(fault=problem.description)


def _of_metadata(provider: IdentityProvider, *, tls_only: bool) -> Found:
    """Return all settings that metadata contains, however it was obtained."""
    return Found(metadata.members(provider, tls_only=tls_only), provider.certificates)
