"""The settings that a request changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import structs
from tenantry.gen.scalekit.v1.connections import connections_pb as pb
from tenantry.identity.connections.changes.changing import Changes
from tenantry.identity.connections.rpc.messages import (
    OAUTH_FLAGS,
    OAUTH_TEXTS,
    OIDC_FLAGS,
    OIDC_TEXTS,
    SAML_ENUMS,
    SAML_FLAGS,
    SAML_TEXTS,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def present(request: Any, name: str) -> str | None:
    return getattr(request, name) if request.has_field(name) else None


def name_of(value: Any) -> str:
    """Return the name of an enum's value, "" for the one that says nothing."""
    name: str = value.name if value.value else ""
    return name


def creation(given: pb.CreateConnection) -> dict[str, Any]:
    context = None if given.context is None else given.context
    return {
        "type_": given.type.name,
        "provider": name_of(given.provider),
        "provider_key": given.provider_key,
        "key_id": present(given, "key_id"),
        "context": None if context is None else structs.plain(context, "connection.context"),
    }


def changes_of(one: pb.UpdateConnection) -> Changes:
    """Return what a request gives: wrappers and lists that are present, enums that say something.

    An empty wrapper is there, and clears; an empty list, or a plain enum of 0, is not.
    """
    members: dict[str, Any] = {
        "provider": name_of(one.provider),
        "provider_key": one.provider_key,
        "type": name_of(one.type),
        "key_id": present(one, "key_id"),
        "debug_enabled": None if one.debug_enabled is None else one.debug_enabled.value,
        "ui_button_title": None if one.ui_button_title is None else one.ui_button_title.value,
        "attribute_mapping": one.attribute_mapping,
        "configuration_type": name_of(one.configuration_type),
    }
    if one.settings is not None:
        config = one.settings.value
        members["config"] = one.settings.field
        members["settings"] = _given(config)
        for wrapper, name in _BESIDE.items():
            value = getattr(config, wrapper, None)
            if value is not None:
                members[name] = value.value
    return Changes(**members)


# Members of the configs that the settings do not have by these names.
_BESIDE = {
    "client_secret": "secret",
    "service_account_json": "secret",
    "idp_certificate": "certificate",
    "ui_button_title": "ui_button_title",
}


def _given(config: Any) -> dict[str, Any]:
    wrapped = {
        name: value.value
        for name in _MEMBERS.get(type(config), ())
        if (value := getattr(config, name)) is not None
    }
    plain = _PLAIN.get(type(config))
    return wrapped if plain is None else wrapped | plain(config)


def _plain_of_oidc(config: pb.OIDCConnectionConfig) -> dict[str, Any]:
    given: dict[str, Any] = {}
    scopes = [one.name for one in config.scopes if one != pb.OIDCScope(0)]
    if scopes:
        given["scopes"] = tuple(dict.fromkeys(("openid", *scopes)))
    if config.token_auth_type != pb.TokenAuthType(0):
        given["token_auth_type"] = config.token_auth_type.name
    return given


def _plain_of_oauth(config: pb.OAuthConnectionConfig) -> dict[str, Any]:
    given: dict[str, Any] = {"scopes": tuple(config.scopes)} if config.scopes else {}
    if config.extensions is not None:
        given["extra_authorize_params"] = dict(config.extensions.extra_authorize_params)
    return given


def _plain_of_google_dwd(config: pb.GoogleDWDConfig) -> dict[str, Any]:
    return {"scopes": tuple(config.scopes)} if config.scopes else {}


def _plain_of_saml(config: pb.SAMLConnectionConfigRequest) -> dict[str, Any]:
    given = {name: getattr(config, name) for name in SAML_ENUMS}
    return {name: value.name for name, value in given.items() if value.value}


_PLAIN: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    pb.OIDCConnectionConfig: _plain_of_oidc,
    pb.OAuthConnectionConfig: _plain_of_oauth,
    pb.SAMLConnectionConfigRequest: _plain_of_saml,
    pb.GoogleDWDConfig: _plain_of_google_dwd,
}
_MEMBERS: dict[type[Any], tuple[str, ...]] = {
    pb.OIDCConnectionConfig: (*OIDC_TEXTS, *OIDC_FLAGS),
    pb.OAuthConnectionConfig: (*OAUTH_TEXTS, *OAUTH_FLAGS),
    pb.GoogleDWDConfig: ("token_uri",),
    pb.SAMLConnectionConfigRequest: (
        *SAML_TEXTS,
        *SAML_FLAGS,
        *("sp_entity_id", "sp_assertion_url", "sp_slo_url"),
    ),
}
