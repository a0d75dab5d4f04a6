"""Growth during a run, by a line through all samples, and how much of it is allowed."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

HOUR = 3600.0  # seconds


@dataclass(frozen=True)
class Limit:
    """How much a gauge may grow: ``slack`` in any run, and ``an_hour`` more for each hour.

    ``share`` of its mean comes on top. ``most`` is what no sample may exceed; None where only
    growth counts.
    """

    unit: str
    slack: float
    an_hour: float
    share: float = 0.0
    most: float | None = None


@dataclass
class Gauge:
    """The samples of one thing after the warm-up: seconds since the run began, and values."""

    name: str
    limit: Limit
    at: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def note(self, at: float, value: float) -> None:
        """Add a sample."""
        self.at.append(at)
        self.values.append(value)

    @property
    def growth(self) -> float:
        """How much it grew from the first to the last sample, by a line through all of them.

        Ordinary least squares: one sample that is high or low at an end moves it little.
        """
        if len(self.at) < 3:
            return 0.0
        line = statistics.linear_regression(self.at, self.values)
        return line.slope * (self.at[-1] - self.at[0])

    @property
    def hours(self) -> float:
        """How long it was sampled."""
        return (self.at[-1] - self.at[0]) / HOUR if self.at else 0.0

    @property
    def allowed(self) -> float:
        """How much it may grow in this run."""
        mean = statistics.fmean(self.values) if self.values else 0.0
        return self.limit.slack + self.limit.an_hour * self.hours + self.limit.share * mean

    def problems(self) -> list[str]:
        """Say by how much it is beyond its limits."""
        found, unit = [], self.limit.unit
        if self.growth > self.allowed:
            found.append(
                f"{self.name}: grew by {self.growth:.1f} {unit} in {self.hours * 60:.1f} minutes, "
                f"{self.growth - self.allowed:.1f} more than the {self.allowed:.1f} allowed"
            )
        if self.limit.most is not None and self.values and max(self.values) > self.limit.most:
            most = max(self.values)
            found.append(
                f"{self.name}: {most:.1f} {unit}, {most - self.limit.most:.1f} more than the "
                f"{self.limit.most:.1f} allowed"
            )
        return found

    def shown(self) -> dict[str, object]:
        """Return it as a summary has it."""
        return {
            "unit": self.limit.unit,
            "first": self.values[0] if self.values else None,
            "last": self.values[-1] if self.values else None,
            "most": max(self.values, default=None),
            "growth": round(self.growth, 2),
            "allowed": round(self.allowed, 2),
            "most_allowed": self.limit.most,
            "samples": len(self.values),
        }
