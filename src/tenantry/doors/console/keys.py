"""The keys that sign tokens, and our key pairs for SAML."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tenantry.doors.console import forms
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.identity.operators.model import OWNER

if TYPE_CHECKING:
    from tenantry.web import Response


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    keys = _Keys(door)
    return [
        Page("GET", "/keys", keys.show),
        Page("POST", "/keys/rotate", keys.rotate, role=OWNER),
        Page("POST", "/keys/saml", keys.generate, role=OWNER),
    ]


class _Keys:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show all."""
        keys = await visit.api.get("/signing-keys")
        pairs = await visit.api.get("/saml-key-pairs")
        at = datetime.now(UTC)
        shown = [
            {**pair, "days": (datetime.fromisoformat(pair["expire_time"]) - at).days}
            for pair in pairs.get("key_pairs", [])
        ]
        return self._door.render(
            visit,
            "keys",
            "keys.html",
            keys=keys.get("keys", []),
            pairs=shown,
            owns=visit.has_role(OWNER),
        )

    async def rotate(self, visit: Visit) -> Response:
        """Sign with the next keys."""
        call = visit.api.post("/signing-keys:rotate", body={})
        return await forms.send(self._door, visit, call, visit.path("keys"), "rotated")

    async def generate(self, visit: Visit) -> Response:
        """Make the next key pair for SAML."""
        environment = visit.call.db.environment_id
        call = visit.api.post("/environments/{}/saml-certificates:generate", environment, body={})
        return await forms.send(self._door, visit, call, visit.path("keys"), "generated")
