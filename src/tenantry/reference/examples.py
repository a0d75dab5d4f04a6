"""Example values: what answers and requests look like, built from the descriptors.

A value is found by `Message.field`, else by the field's name; a field without one is an error, so
that no example is made of nonsense.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from protobuf import (
    DescFieldValueList,
    DescFieldValueMessage,
    DescMessage,
)

from tenantry.reference.schemas import is_plain, may_be_asked

if TYPE_CHECKING:
    from collections.abc import Container

    from protobuf import DescField

    from tenantry.transport.methods import Method

_ORGANIZATION = "org_2123312131125533"
_LINK = "lnk_2123312131125540"
_VALUES: dict[str, Any] = {
    "absolute_session_timeout": 480,
    "absolute_session_timeout_unit": "MINUTES",
    "access_token_expiry": 5,
    "create_time": "2024-01-05T14:48:00.207313Z",
    "customization_settings": {"primary_color": "#2f5d50"},
    "display_name": "Acme Corp",
    "enabled": True,
    "expire_time": "2024-01-05T14:49:00.207313Z",
    "external_id": "my_unique_id",
    "features": ["sso"],
    "id": _ORGANIZATION,
    "idle_session_timeout": 60,
    "idle_session_timeout_enabled": True,
    "idle_session_timeout_unit": "MINUTES",
    "link_id": _LINK,
    "logo_url": "https://example.com/acme.png",
    "max_allowed_users": 250,
    "metadata": {"plan": "gold"},
    "name": "sso",
    "next_page_token": "",
    "organization_id": _ORGANIZATION,
    "page_size": 10,
    "page_token": "",
    "policy_source": "CUSTOM",
    "prev_page_token": "",
    "query": "acme",
    "region_code": "US",
    "slug": "acme",
    "source": "BRANDING_SOURCE_CUSTOM",
    "total_size": 1,
    "update_mask": "displayName,externalId",
    "update_time": "2024-02-11T09:30:12.481906Z",
    "Link.id": _LINK,
    "Link.location": "{public_url}/magicLink/GJc0VbZ3kQp8nS1xTfLr2w",
    "OrganizationSettings.features": [
        {"name": "sso", "enabled": True},
        {"name": "dir_sync", "enabled": False},
        {"name": "domain_verification", "enabled": False},
        {"name": "session_policy", "enabled": False},
    ],
}


def answer(method: Method, public_url: str) -> dict[str, Any]:
    """Return an example of what an rpc answers over REST, spelled as the server spells it."""
    whole = _spelled(method.output.desc(), _built(method.output.desc(), public_url))
    if method.flatten:
        return {**whole[method.flatten], method.flatten: whole[method.flatten]}
    return whole


def request(message: DescMessage, without: Container[str], public_url: str) -> dict[str, Any]:
    """Return an example of a request's body."""
    return _built(message, public_url, without)


def value(field: DescField, public_url: str = "") -> Any:
    """Return the example value of a field.

    Raises:
        LookupError: there is none.

    """
    for name in (f"{field.parent.name}.{field.name}", field.name):
        if name in _VALUES and not _holds_messages(field, name):
            found = _VALUES[name]
            return found.format(public_url=public_url) if isinstance(found, str) else found
    inner = field.value
    if isinstance(inner, DescFieldValueMessage) and not is_plain(inner.message):
        return _built(inner.message, public_url)
    if isinstance(inner, DescFieldValueList) and isinstance(inner.element, DescMessage):
        return [_built(inner.element, public_url)]
    raise LookupError(f"no example for {field.parent.type_name}.{field.name}")


def _holds_messages(field: DescField, name: str) -> bool:
    """Whether a value found by the bare name is of another kind than the field."""
    inner = field.value
    element = inner.element if isinstance(inner, DescFieldValueList) else None
    return "." not in name and isinstance(element, DescMessage)


def _built(message: DescMessage, public_url: str, without: Container[str] = ()) -> dict[str, Any]:
    return {
        field.name: value(field, public_url)
        for field in message.fields
        if not field.deprecated and may_be_asked(field, without)
    }


def _spelled(message: DescMessage, example: dict[str, Any]) -> dict[str, Any]:
    read = message.type.from_json(json.dumps(example))
    text = read.to_json(use_proto_field_name=True, always_emit_implicit=True)
    spelled: dict[str, Any] = json.loads(text)
    return spelled
