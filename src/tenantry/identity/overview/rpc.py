"""OverviewService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tenantry import __version__
from tenantry.core.times import timestamp
from tenantry.gen.tenantry.v1 import overview_pb as pb
from tenantry.identity.overview import service

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.overview.service import Overview

REMEMBERED_SECONDS = 10.0


class OverviewService:
    """One async method per rpc; the figures are remembered for `REMEMBERED_SECONDS`."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._found: Overview | None = None

    async def get_overview(
        self, _request: pb.GetOverviewRequest, call: Call
    ) -> pb.GetOverviewResponse:
        if self._found is None or time.monotonic() - self._at >= REMEMBERED_SECONDS:
            self._found = await service.measure(call.db)
            self._at = time.monotonic()
        return pb.GetOverviewResponse(overview=_message(self._found))


def _message(found: Overview) -> pb.Overview:
    since = found.events_waiting_since
    return pb.Overview(
        measure_time=timestamp(found.measure_time),
        version=__version__,
        schema_revision=found.schema_revision,
        organizations=found.organizations,
        users=found.users,
        connections=found.connections,
        directories=found.directories,
        sign_ins=[
            pb.SignInDay(date=day.date, succeeded=day.succeeded, failed=day.failed, open=day.open)
            for day in found.sign_ins
        ],
        sign_in_errors=[
            pb.SignInErrorCount(error=error, count=count) for error, count in found.sign_in_errors
        ],
        events_waiting_since=None if since is None else timestamp(since),
        events_waiting=found.events_waiting,
        deliveries_waiting=found.deliveries_waiting,
        deliveries_failed=found.deliveries_failed,
        mail_waiting=found.mail_waiting,
        mail_failed=found.mail_failed,
    )
