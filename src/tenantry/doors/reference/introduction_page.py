"""The page at `/docs`: how a program gets in, and the rules that hold for every operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.reference.languages import CLIENT, LANGUAGES
from tenantry.doors.reference.page import highlighted

if TYPE_CHECKING:
    from tenantry.doors.reference.page import Frame


def render(frame: Frame) -> str:
    """Return the page."""
    return frame.render(
        "introduction.html",
        current="/docs",
        group=None,
        languages=LANGUAGES,
        client=highlighted(CLIENT),
    )
