"""The look as one document: each known member is a setting, and others are kept.

Our pictures are stored by their path and shown by their whole address, which changes with the
public URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.settings.table import spelled
from tenantry.settings.values import UPLOADED
from tenantry.tenants.environment import service as environment
from tenantry.tenants.environment.effective import STORABLE
from tenantry.tenants.environment.model import CUSTOMIZATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.settings import Settings
    from tenantry.tenants.environment.effective import Effective

# Settings by the members of the document; one in a section is named with a dot.
MEMBERS = {
    "app_name": "app_name",
    "logo_url": "app_logo_url",
    "favicon_url": "app_icon_url",
    "color": "app_color",
    "support_email": "support_email",
    "organization_name": "organization_name",
    "portal.logo_url": "portal_logo_url",
    "portal.favicon_url": "portal_icon_url",
    "portal.accent_color": "portal_color",
    "login.logo_url": "login_logo_url",
    "login.favicon_url": "login_icon_url",
    "login.border_radius": "login_border_radius",
    "login.logo_position": "login_logo_position",
    "login.logo_alignment": "login_logo_alignment",
    "login.header_alignment": "login_header_alignment",
    "login.social_placement": "login_social_placement",
    "login.background_color": "login_background_color",
    "login.background_style": "login_background_style",
}
_SECTIONS = ("portal", "login")
_FIELD = "customization_settings"


def to_json(settings: Settings) -> dict[str, Any]:
    """Return the known members as they are in effect."""
    document: dict[str, Any] = {}
    for path, name in MEMBERS.items():
        section, _, member = path.rpartition(".")
        place = document.setdefault(section, {}) if section else document
        value = spelled(getattr(settings, name))
        place[member] = f"{settings.public_url}{value}" if UPLOADED.fullmatch(value) else value
    return document


def is_own(settings: Settings) -> bool:
    """Whether anything of the look differs from how it is by itself."""
    return any(
        spelled(getattr(settings, name)) != STORABLE[name].metadata["default"]
        for name in MEMBERS.values()
    )


async def get(db: Session, settings: Settings) -> dict[str, Any]:
    """Return the whole document."""
    others, _ = await environment.document(db, CUSTOMIZATION)
    return _merged(others, to_json(settings))


async def replace(call: Call, effective: Effective, given: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the document, and return it as it is now."""
    environment.check_size(given, _FIELD)
    known, others = _parted(given)
    texts = texts_of(known, effective)
    fields = {MEMBERS[path]: f"{_FIELD}.{path}" for path in MEMBERS}
    reset = [
        name for name in MEMBERS.values() if name not in texts and name not in effective.given.given
    ]
    await environment.set_settings(
        call, effective, texts, reset=reset, fields=fields, documents={CUSTOMIZATION: others}
    )
    return _merged(others, to_json(effective.settings))


def texts_of(known: Mapping[str, str], effective: Effective) -> dict[str, str]:
    """Return the texts of settings that members stand for; none for one that is by its default."""
    texts = {}
    ours = f"{effective.given.public_url}/assets/"
    for path, value in known.items():
        name = MEMBERS[path]
        text = value.replace(ours, "/assets/")
        fixed = name in effective.given.given
        if fixed or text != STORABLE[name].metadata["default"]:
            texts[name] = text
    return texts


def _parted(given: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the known members of a document by path, and the remaining ones."""
    known: dict[str, str] = {}
    others: dict[str, Any] = {}
    for name, value in given.items():
        if name in _SECTIONS:
            if not isinstance(value, dict):
                raise errors.InvalidArgument.field(f"{_FIELD}.{name}", "type", "must be an object")
            rest = {}
            for member, inner in value.items():
                path = f"{name}.{member}"
                if path in MEMBERS:
                    known[path] = _string(path, inner)
                else:
                    rest[member] = inner
            if rest:
                others[name] = rest
        elif name in MEMBERS:
            known[name] = _string(name, value)
        else:
            others[name] = value
    return known, others


def _string(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise errors.InvalidArgument.field(f"{_FIELD}.{path}", "type", "must be a string")
    return value


def _merged(others: Mapping[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {**others, **known}
    for section in _SECTIONS:
        merged[section] = {**others.get(section, {}), **known[section]}
    return merged
