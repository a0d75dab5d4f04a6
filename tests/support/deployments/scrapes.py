"""The figures that a scraper reads at a server's `/metrics`."""

from __future__ import annotations

import time
import urllib.request
from contextlib import suppress
from typing import Any

from prometheus_client.parser import text_string_to_metric_families


class Figures:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that have these labels."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def labels(self, name: str, label: str) -> set[str]:
        """The values that a label has."""
        return {s.labels.get(label, "") for s in self._samples if s.name == name}


def scrape(address: str, **headers: str) -> Figures:
    """Read the figures at an address."""
    request = urllib.request.Request(f"http://{address}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return Figures(answer.read().decode())


def until(address: str, condition: Any, seconds: float = 60) -> Figures:
    """Scrape until a condition of the figures holds, and return these."""
    end = time.monotonic() + seconds
    while True:
        found = None
        with suppress(OSError):  # of a process that has just died
            found = scrape(address)
            if condition(found):
                return found
        assert time.monotonic() < end, found and found.text
        time.sleep(0.2)
