"""Health of the deployment: queues, disk, encryption, certificates, and the checks on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console import activity
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.deployment_pb import ExamineRequest, GetHealthRequest
from tenantry.gen.tenantry.v1.overview_pb import ActivityMetric, GetOverviewRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.gen.tenantry.v1.deployment_pb import Finding
    from tenantry.net.http import Response

_GIB = 1 << 30


def pages(site: ConsoleSite) -> list[Page]:
    health = _Health(site)
    return [
        Page("GET", "/health", health.show),
        Page("POST", "/health/examine", health.examine),
    ]


class _Health:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        return await self._show(visit, None)

    async def examine(self, visit: Visit) -> Response:
        """Run all checks, and show what they have found."""
        examined = await visit.api.deployment.examine(ExamineRequest())
        return await self._show(visit, examined.findings)

    async def _show(self, visit: Visit, findings: Sequence[Finding] | None) -> Response:
        health = await visit.api.deployment.get_health(GetHealthRequest())
        found = await visit.api.overview.get_overview(GetOverviewRequest())
        free, total = health.disk_free / _GIB, health.disk_total / _GIB
        return self._site.render(
            visit,
            "health",
            "health.html",
            health=health,
            overview=found.overview,
            encryption=health.encryption,
            findings=findings,
            disk_free=f"{free:.1f}",
            disk_total=f"{total:.1f}",
            disk_low=free < total / 20,
            charts=await _charts(visit),
        )


async def _charts(visit: Visit) -> activity.ChartGrid:
    counts = await activity.load(visit, [ActivityMetric.API_CALLS, ActivityMetric.RATE_LIMITS])
    return activity.grid(
        visit,
        visit.path("health"),
        activity.api_calls_by_client(counts),
        activity.api_errors_by_client(counts),
        activity.rate_limits(counts),
    )
