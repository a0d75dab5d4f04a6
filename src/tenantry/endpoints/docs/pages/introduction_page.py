"""The page at `/docs`: how a program gets in, and the rules that hold for every operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.docs.pages.page import highlighted
from tenantry.endpoints.docs.reference.languages import CLIENT, LANGUAGES

if TYPE_CHECKING:
    from tenantry.endpoints.docs.pages.page import Frame


def render(frame: Frame) -> str:
    return frame.render(
        "introduction.html",
        current="/docs",
        group=None,
        languages=LANGUAGES,
        client=highlighted(CLIENT),
    )
