"""The rules for a user's members, beyond those that the contract itself has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tenantry.core import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

EXTERNAL_ID_MAX = 255

# Where neither a pattern nor the contract sets one.
_LONGEST = {"name": 512, "gender": 255, "locale": 64}
_PATTERNS = {
    # BCP 47: subtags of up to 8 letters and digits.
    "locale": (r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", "must be a language tag such as en-US"),
    "phone_number": (r"\+[1-9]\d{1,14}", "must be in E.164 form such as +14155550123"),
    "picture": (
        r"https?://[^\x00-\x20\x7f\"'<>\\/?#][^\x00-\x20\x7f\"'<>\\]*",
        "must be a URL that begins with https:// or http://",
    ),
}
_COMPILED = {
    name: (re.compile(pattern, re.ASCII), says) for name, (pattern, says) in _PATTERNS.items()
}


def external_id(value: str | None, field: str) -> str | None:
    """Return an external id; None for an empty one."""
    if value and len(value) > EXTERNAL_ID_MAX:
        raise errors.InvalidArgument.field(
            field,
            "string.max_len",
            f"must be at most {EXTERNAL_ID_MAX} characters, got {len(value)}",
        )
    return value or None


def profile(before: Mapping[str, Any], changes: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return a profile after these changes; a member that is empty then is left out."""
    for name, value in changes.items():
        if not value:
            continue
        if name in _LONGEST and len(value) > _LONGEST[name]:
            raise errors.InvalidArgument.field(
                f"{field}.{name}",
                "string.max_len",
                f"must be at most {_LONGEST[name]} characters, got {len(value)}",
            )
        if name in _COMPILED and not _COMPILED[name][0].fullmatch(value):
            raise errors.InvalidArgument.field(
                f"{field}.{name}", "string.pattern", _COMPILED[name][1]
            )
    return {name: value for name, value in {**before, **changes}.items() if value}
