"""The first page: how the deployment is; and the way to any object by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.overview_pb import GetOverviewRequest, SignInDay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.net.http import Response

# Where the page of an object is, by the beginning of its id.
_PLACES: Mapping[str, tuple[str, ...]] = {
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
HEIGHT, WIDTH, BROADEST = 120, 480, 24  # of a chart and its bars, in its own units
_MOST_LABELS = 8  # of days below a chart: more do not fit on a phone
_MOST = 10_000  # figures of the API go no further


def pages(site: ConsoleSite) -> list[Page]:
    overview = _Overview(site)
    return [
        Page("GET", "", overview.show),
        Page("GET", "/overview", overview.show),
        Page("GET", "/jump", overview.jump),
    ]


class _Overview:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the figures."""
        found = await visit.api.overview.get_overview(GetOverviewRequest())
        assert found.overview is not None
        days = found.overview.sign_ins
        return self._site.render(
            visit,
            "overview",
            "overview.html",
            figures=found.overview,
            days=days,
            today=days[-1],
            week=SignInDay(
                succeeded=sum(day.succeeded for day in days),
                failed=sum(day.failed for day in days),
                open=sum(day.open for day in days),
            ),
            bars=bars(days),
            step=-(-len(days) // _MOST_LABELS),
            width=WIDTH,
            height=HEIGHT,
            most=_MOST,
        )

    async def jump(self, visit: Visit) -> Response:
        """Go to the object of an id; anything else is looked for among the sign-ins or people."""
        asked = visit.query("id").strip()[:100]
        for beginning, place in _PLACES.items():
            if asked.startswith(beginning):
                return self._site.redirect(visit.path(*place, asked))
        if asked.startswith(("err_", "req_")):
            return self._site.redirect(visit.path("sign-ins", query=asked))
        if "@" in asked:
            return self._site.redirect(visit.path("people", query=asked))
        return self._site.redirect(visit.path("organizations", query=asked))


def bars(days: Sequence[SignInDay]) -> list[dict[str, Any]]:
    """Return the parts of the bars of a chart: where each stands, and how high it is.

    Each day has the same room, and its bar stands in the middle.
    """
    highest = max((day.succeeded + day.failed + day.open for day in days), default=0)
    room = WIDTH / max(1, len(days))
    broad = min(BROADEST, 0.7 * room)
    found = []
    for number, day in enumerate(days):
        top = float(HEIGHT)
        parts = (("succeeded", day.succeeded), ("failed", day.failed), ("open", day.open))
        for name, number_of in parts:
            high = HEIGHT * number_of / highest if highest else 0.0
            top -= high
            found.append(
                {
                    "kind": name,
                    "x": round((number + 0.5) * room - broad / 2, 1),
                    "y": round(top, 1),
                    "width": round(broad, 1),
                    "height": round(high, 1),
                }
            )
    return found
