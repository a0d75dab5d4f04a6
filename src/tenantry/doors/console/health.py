"""Health: whether all is well, the backlog, the ends of certificates; and all checks if asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.doors.console.visit import Door, Page, Visit

if TYPE_CHECKING:
    from tenantry.web import Response

_GIB = 1 << 30


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    health = _Health(door)
    return [
        Page("GET", "/health", health.show),
        Page("POST", "/health/examine", health.examine),
    ]


class _Health:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show it."""
        return await self._show(visit, None)

    async def examine(self, visit: Visit) -> Response:
        """Run all checks, and show what they have found."""
        answer = await visit.api.post("/deployment:examine", body={})
        return await self._show(visit, answer.get("findings", []))

    async def _show(self, visit: Visit, findings: Any) -> Response:
        health = await visit.api.get("/deployment/health")
        overview = (await visit.api.get("/overview"))["overview"]
        free, total = (int(health.get(name, 0)) / _GIB for name in ("disk_free", "disk_total"))
        return self._door.render(
            visit,
            "health",
            "health.html",
            health=health,
            overview=overview,
            findings=findings,
            disk_free=f"{free:.1f}",
            disk_total=f"{total:.1f}",
            disk_low=free < total / 20,
        )
