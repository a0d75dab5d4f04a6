"""The settings that a request changes."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any

from protobuf import Enum
from protobuf.wkt import BoolValue, StringValue

from tenantry.core import structs
from tenantry.gen.scalekit.v1.connections import connections_pb as pb
from tenantry.identity.connections.changes.changing import Changes
from tenantry.identity.connections.settings import (
    OAuthSettings,
    OIDCSettings,
    SAMLSettings,
    Settings,
)


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
    """Return the settings that a config gives by the same names."""
    given: dict[str, Any] = {}
    kind: Any = type(config)
    if kind not in _SETTINGS:
        return given
    for name in _names(kind):
        value = getattr(config, name)
        if isinstance(value, StringValue | BoolValue):
            given[name] = value.value
        elif isinstance(value, Enum) and value.value:
            given[name] = value.name
    if isinstance(config, pb.OIDCConnectionConfig):
        scopes = [one.name for one in config.scopes if one.value]
        if scopes:
            given["scopes"] = tuple(dict.fromkeys(("openid", *scopes)))
    elif not isinstance(config, pb.SAMLConnectionConfigRequest) and config.scopes:
        given["scopes"] = tuple(config.scopes)
    if isinstance(config, pb.OAuthConnectionConfig) and config.extensions is not None:
        given["extra_authorize_params"] = dict(config.extensions.extra_authorize_params)
    return given


_SETTINGS: dict[type[Any], type[Settings]] = {
    pb.OIDCConnectionConfig: OIDCSettings,
    pb.OAuthConnectionConfig: OAuthSettings,
    pb.SAMLConnectionConfigRequest: SAMLSettings,
    pb.GoogleDWDConfig: OAuthSettings,
}


@functools.cache
def _names(config: type[Any]) -> list[str]:
    names = {field.name for field in fields(_SETTINGS[config])}
    return [field.name for field in config.desc().fields if field.name in names]
