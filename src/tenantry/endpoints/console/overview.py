"""The first page: activity and figures of the deployment; and the way to any object by its ID."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console import activity, setup
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.overview_pb import ActivityMetric, GetOverviewRequest
from tenantry.identity.operators import passkeys, sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.net.http import Response

# Where the page of an object is, by the beginning of its id.
PLACES: Mapping[str, tuple[str, ...]] = {
    "org_": ("organizations",),
    "usr_": ("people",),
    "conn_": ("connections",),
    "dir_": ("directories",),
    "areq_": ("sign-ins",),
    "evt_": ("events",),
    "skc_": ("applications",),
    "whe_": ("webhooks",),
    "icp_": ("interceptors",),
}
_MOST = 10_000  # figures of the API go no further
_METRICS = (
    *(ActivityMetric.SIGN_INS, ActivityMetric.SIGN_IN_ERRORS),
    *(ActivityMetric.ACTIVE_USERS, ActivityMetric.ACTIVE_ORGANIZATIONS),
    *(ActivityMetric.EVENTS, ActivityMetric.WEBHOOK_ATTEMPTS, ActivityMetric.API_CALLS),
)


def pages(site: ConsoleSite) -> list[Page]:
    overview = _Overview(site)
    return [
        Page("GET", "", overview.show),
        Page("GET", "/overview", overview.show),
        Page("GET", "/jump", overview.jump),
        *setup.pages(site),
    ]


class _Overview:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the setup checklist, the charts that matter first, and the figures."""
        found = await visit.api.overview.get_overview(GetOverviewRequest())
        counts = await activity.load(visit, _METRICS)
        return self._site.render(
            visit,
            "overview",
            "overview.html",
            figures=found.overview,
            checklist=await setup.load(visit, self._site.public_url),
            charts=activity.grid(
                visit,
                visit.path("overview"),
                activity.sign_ins(counts),
                activity.sign_in_errors(counts),
                activity.active(counts),
                activity.events(counts),
                activity.webhooks(counts, visit.path("webhooks")),
                activity.api_calls(counts, visit.path("health")),
            ),
            most=_MOST,
            needs_passkey=await _needs_passkey(visit),
        )

    async def jump(self, visit: Visit) -> Response:
        """Go to the object of an id; anything else is looked for among the sign-ins or people."""
        asked = visit.query("id").strip()[:100]
        for beginning, place in PLACES.items():
            if asked.startswith(beginning):
                return self._site.redirect(visit.path(*place, asked))
        if asked.startswith(("err_", "req_")):
            return self._site.redirect(visit.path("sign-ins", query=asked))
        if "@" in asked:
            return self._site.redirect(visit.path("people", query=asked))
        return self._site.redirect(visit.path("organizations", query=asked))


async def _needs_passkey(visit: Visit) -> bool:
    """Whether the operator came by a link and has no other way to sign in later."""
    if visit.session.method != sessions.LINK:
        return False
    return not await passkeys.list_of(visit.call.db, visit.session.operator.id)
