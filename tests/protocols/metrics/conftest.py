from __future__ import annotations

import pytest

from tenantry.telemetry.metrics import kinds


@pytest.fixture(autouse=True)
def _counting(monkeypatch):
    """This process counts from the moment that a test begins to, until the test ends."""
    monkeypatch.setattr(kinds._counting, "sheet", None)
