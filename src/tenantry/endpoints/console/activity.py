"""The charts of activity, and the time range of a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core.times import rfc3339
from tenantry.endpoints.console.visit import ROOT
from tenantry.gen.tenantry.v1.overview_pb import (
    ActivityMetric,
    ActivityRange,
    GetActivityRequest,
)
from tenantry.web import charts
from tenantry.web.assets import Asset
from tenantry.web.charts import Chart, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tenantry.endpoints.console.visit import Visit
    from tenantry.gen.tenantry.v1.overview_pb import ActivitySeries, GetActivityResponse

STYLE = Asset.of_files(f"{ROOT}/charts.css", "endpoints/console/static/charts.css")
# By the value in the query: the range, the number of periods from one mark of the axis to the next,
# and the part of a time that a mark shows.
RANGES = {
    "24h": (ActivityRange.LAST_24_HOURS, 4, slice(11, 16)),
    "7d": (ActivityRange.LAST_7_DAYS, 1, slice(5, 10)),
    "30d": (ActivityRange.LAST_30_DAYS, 5, slice(5, 10)),
}
DEFAULT = "24h"


@dataclass(frozen=True, slots=True)
class Card:
    """A chart with its title, the page that it links to, and a sentence about its totals."""

    id: str
    title: str
    path: str
    summary: str
    chart: Chart


@dataclass(frozen=True, slots=True)
class ChartGrid:
    """The charts of a page, and the tabs that select the range."""

    cards: tuple[Card, ...]
    tabs: tuple[tuple[str, str, bool], ...]
    style: Asset = STYLE


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a range, with methods that build charts of them."""

    visit: Visit
    labels: tuple[str, ...]
    marks: tuple[str, ...]
    by_metric: Mapping[ActivityMetric, Sequence[ActivitySeries]]

    def total(self, metric: ActivityMetric) -> ActivitySeries:
        """Return the total, or the series of the requested key."""
        return self.by_metric[metric][0]

    def keys(self, metric: ActivityMetric) -> Sequence[ActivitySeries]:
        """Return the series of each key, in descending order of size."""
        return [one for one in self.by_metric[metric] if one.key]

    def word(self, key: str) -> str:
        return self.visit.words.plain(f"charts.{key}")

    def has_word(self, key: str) -> bool:
        return self.visit.words.has(f"charts.{key}")

    def columns(self, *series: Series, unit: str = "") -> Chart:
        return charts.columns(self.labels, self.marks, series, unit=unit)

    def lines(self, *series: Series, unit: str = "") -> Chart:
        return charts.lines(self.labels, self.marks, series, unit=unit)

    def outcomes(self, one: ActivitySeries) -> Chart:
        """Return columns of successes and failures."""
        return self.columns(
            Series(self.word("succeeded"), _succeeded(one), "good"),
            Series(self.word("failed"), one.failures, "bad"),
        )

    def by_key(
        self,
        metric: ActivityMetric,
        name: Callable[[ActivitySeries], str],
        values: Callable[[ActivitySeries], Sequence[int]] = lambda one: one.counts,
    ) -> Chart:
        """Return columns of each key that has values, and of the rest of the total."""
        keys = self.keys(metric)
        found = [Series(name(one), values(one)) for one in keys if any(values(one))]
        rest = _rest(values(self.total(metric)), [values(one) for one in keys])
        if any(rest):
            found.append(Series(self.word("others"), rest))
        return self.columns(*charts.grouped(found, others=self.word("others")))

    def summary(self, one: ActivitySeries) -> str:
        """Return the total and the number of failures as a sentence."""
        total, failed = sum(one.counts), sum(one.failures)
        if failed:
            key = "charts.total_failed"
            return self.visit.words.plain(key, total=f"{total:,}", failed=f"{failed:,}")
        return self.visit.words.plain("charts.total", total=f"{total:,}")


async def load(visit: Visit, metrics: Sequence[ActivityMetric], *, key: str = "") -> Counts:
    """Return the counts of these metrics over the range in the query."""
    range_, step, part = RANGES[_range(visit)]
    found: GetActivityResponse = await visit.api.overview.get_activity(
        GetActivityRequest(metrics=list(metrics), range=range_, key=key)
    )
    starts = [
        rfc3339(start.seconds * 1_000_000).replace("T", " ")[:16] for start in found.start_times
    ]
    by_day = range_ != ActivityRange.LAST_24_HOURS
    return Counts(
        visit,
        tuple(start[:10] if by_day else start for start in starts),
        tuple(start[part] for start in starts[::step]),
        {one.metric: one.series for one in found.activities},
    )


def grid(visit: Visit, path: str, *cards: Card) -> ChartGrid:
    """Return these charts with the tabs of the page at this path."""
    shown = _range(visit)
    return ChartGrid(
        cards,
        tuple(
            (f"{path}?range={name}", visit.words.plain(f"charts.range_{name}"), name == shown)
            for name in RANGES
        ),
    )


async def of_client(visit: Visit, client_id: str) -> ChartGrid:
    """Return the chart of a client's calls."""
    path = visit.path("applications", client_id)
    counts = await load(visit, [ActivityMetric.API_CALLS], key=client_id)
    return grid(visit, path, api_calls(counts, ""))


def sign_ins(counts: Counts) -> Card:
    """Return successful sign-ins by method, and failed sign-ins."""
    metric = ActivityMetric.SIGN_INS
    series = [
        Series(counts.word(f"method_{one.key}"), _succeeded(one))
        for one in counts.keys(metric)
        if counts.has_word(f"method_{one.key}") and any(_succeeded(one))
    ]
    failed = Series(counts.word("failed"), counts.total(metric).failures, "bad")
    return Card(
        "sign-ins",
        counts.word("sign_ins"),
        counts.visit.path("sign-ins"),
        counts.summary(counts.total(metric)),
        counts.columns(*series, failed),
    )


def sign_in_errors(counts: Counts) -> Card:
    metric = ActivityMetric.SIGN_IN_ERRORS
    return Card(
        "sign-in-errors",
        counts.word("sign_in_errors"),
        counts.visit.path("sign-ins", status="FAILED"),
        counts.summary(counts.total(metric)),
        counts.by_key(metric, lambda one: one.key),
    )


def active(counts: Counts) -> Card:
    """Return the active users and organizations of each period."""
    users = counts.total(ActivityMetric.ACTIVE_USERS).counts
    organizations = counts.total(ActivityMetric.ACTIVE_ORGANIZATIONS).counts
    return Card(
        "active",
        counts.word("active"),
        counts.visit.path("people"),
        counts.visit.words.plain("charts.most_active", users=f"{max(users, default=0):,}"),
        counts.lines(
            Series(counts.word("users"), users),
            Series(counts.word("organizations"), organizations),
        ),
    )


def events(counts: Counts) -> Card:
    metric = ActivityMetric.EVENTS
    return Card(
        "event-counts",
        counts.word("events"),
        counts.visit.path("events"),
        counts.summary(counts.total(metric)),
        counts.by_key(metric, lambda one: one.key),
    )


def webhooks(counts: Counts, path: str) -> Card:
    """Return the delivery attempts by outcome."""
    one = counts.total(ActivityMetric.WEBHOOK_ATTEMPTS)
    rate = counts.visit.words.plain("charts.success_rate", rate=_percent(one))
    summary = f"{counts.summary(one)} · {rate}" if sum(one.counts) else counts.summary(one)
    return Card("attempts", counts.word("attempts"), path, summary, counts.outcomes(one))


def webhooks_by_endpoint(counts: Counts) -> Card:
    """Return the success rate of the endpoints with the most attempts."""
    found = counts.keys(ActivityMetric.WEBHOOK_ATTEMPTS)[: charts.MOST_SERIES]
    return Card(
        "success-rates",
        counts.word("success_rates"),
        "",
        "",
        counts.lines(
            *(
                Series(
                    one.name or one.key,
                    [
                        round(100 * (n - failed) / n, 1) if n else None
                        for n, failed in zip(one.counts, one.failures, strict=True)
                    ],
                    is_rate=True,
                )
                for one in found
            ),
            unit=" %",
        ),
    )


def latency(counts: Counts, metric: ActivityMetric, title: str) -> Card:
    """Return the average duration in each period."""
    one = counts.total(metric)
    series = Series(counts.word("average"), _averages(one))
    average = sum(one.milliseconds) // max(1, sum(one.counts))
    summary = counts.visit.words.plain("charts.average_of", milliseconds=f"{average:,}")
    return Card("latency", counts.word(title), "", summary, counts.columns(series, unit=" ms"))


def backlog(counts: Counts) -> Card:
    """Return the highest number of pending deliveries in each period."""
    one = counts.total(ActivityMetric.WEBHOOK_BACKLOG)
    most = counts.visit.words.plain("charts.most", most=f"{max(one.counts, default=0):,}")
    series = Series(counts.word("pending"), one.counts)
    return Card("backlog", counts.word("backlog"), "", most, counts.columns(series))


def directory_syncs(counts: Counts) -> Card:
    one = counts.total(ActivityMetric.DIRECTORY_SYNCS)
    return Card("syncs", counts.word("syncs"), "", counts.summary(one), counts.outcomes(one))


def directories(counts: Counts) -> Card:
    """Return the syncs of the directories with the most syncs."""
    metric = ActivityMetric.DIRECTORY_SYNCS
    return Card(
        "syncs-of-directories",
        counts.word("syncs_by_directory"),
        "",
        counts.summary(counts.total(metric)),
        counts.by_key(metric, lambda one: one.name or one.key),
    )


def api_calls(counts: Counts, path: str) -> Card:
    one = counts.total(ActivityMetric.API_CALLS)
    return Card("calls", counts.word("calls"), path, counts.summary(one), counts.outcomes(one))


def api_calls_by_client(counts: Counts) -> Card:
    metric = ActivityMetric.API_CALLS
    return Card(
        "calls-of-clients",
        counts.word("calls_by_client"),
        counts.visit.path("applications"),
        counts.summary(counts.total(metric)),
        counts.by_key(metric, lambda one: _client(counts, one)),
    )


def api_errors_by_client(counts: Counts) -> Card:
    """Return the failed calls of the clients with the most calls."""
    metric = ActivityMetric.API_CALLS
    failed = sum(counts.total(metric).failures)
    return Card(
        "errors-of-clients",
        counts.word("errors_by_client"),
        "",
        counts.visit.words.plain("charts.total", total=f"{failed:,}"),
        counts.by_key(metric, lambda one: _client(counts, one), lambda one: one.failures),
    )


def rate_limits(counts: Counts) -> Card:
    metric = ActivityMetric.RATE_LIMITS

    def name(one: ActivitySeries) -> str:
        word = f"limit_{one.key.replace('-', '_')}"
        return counts.word(word) if counts.has_word(word) else one.key

    return Card(
        "rate-limits",
        counts.word("rate_limits"),
        "",
        counts.summary(counts.total(metric)),
        counts.by_key(metric, name),
    )


def _client(counts: Counts, one: ActivitySeries) -> str:
    word = f"caller_{one.key}"
    if counts.has_word(word):
        return counts.word(word)
    return counts.word("others") if one.key == "other" else one.name or one.key


def _range(visit: Visit) -> str:
    asked = visit.query("range")
    return asked if asked in RANGES else DEFAULT


def _succeeded(one: ActivitySeries) -> list[int]:
    return [max(0, n - failed) for n, failed in zip(one.counts, one.failures, strict=True)]


def _rest(total: Sequence[int], keys: Sequence[Sequence[int]]) -> list[int]:
    """Return the part of the total that belongs to no key."""
    return [max(0, n - sum(one[at] for one in keys)) for at, n in enumerate(total)]


def _averages(one: ActivitySeries) -> list[float | None]:
    return [
        round(milliseconds / n) if n else None
        for n, milliseconds in zip(one.counts, one.milliseconds, strict=True)
    ]


def _percent(one: ActivitySeries) -> str:
    n, failed = sum(one.counts), sum(one.failures)
    # Rounded down, so that 100 % means no failures.
    return f"{(n - failed) * 1000 // max(1, n) / 10:.1f}".removesuffix(".0") + " %"
