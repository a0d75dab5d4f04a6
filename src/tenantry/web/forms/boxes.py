"""Forms with a box for each of many: roles, permissions. `boxes` of kit.html draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.net.http import Request

# Boxes that a page shows: more of them would make it too large.
MOST = 300
_BESIDE = 50  # members of the form that are no boxes


def form(request: Request) -> dict[str, str]:
    """Return the members of a form that has boxes: only of the ticked ones one comes."""
    return request.form(MOST + _BESIDE)


def ticked(members: Mapping[str, str], id_: str) -> list[str]:
    """Return the values of the boxes of this id that are ticked."""
    return [name.removeprefix(f"{id_}-") for name in members if name.startswith(f"{id_}-")]
