"""The page at `/docs/errors`: every error of the API, and what to do about it."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from tenantry.endpoints.docs.pages.page import as_json
from tenantry.endpoints.docs.reference.failures import EXAMPLE, failures

if TYPE_CHECKING:
    from tenantry.endpoints.docs.pages.page import Frame


def render(frame: Frame) -> str:
    by_status = groupby(failures(), key=attrgetter("status"))
    return frame.render(
        "errors.html",
        current="/docs/errors",
        group=None,
        statuses=[(status, list(found)) for status, found in by_status],
        example=as_json(EXAMPLE),
    )
