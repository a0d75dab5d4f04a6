"""OverviewService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tenantry import __version__
from tenantry.core.times import timestamp
from tenantry.db.activity.model import Kind
from tenantry.db.activity.series import Range
from tenantry.gen.tenantry.v1 import overview_pb as pb
from tenantry.identity.overview import activity, checklist, service
from tenantry.identity.overview.checklist import Task

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.overview.service import Overview
    from tenantry.tenants.environment.effective import Effective

REMEMBERED_SECONDS = 10.0
_KINDS = {pb.ActivityMetric[kind.name]: kind for kind in Kind}
_RANGES = {
    pb.ActivityRange.UNSPECIFIED: Range.DAY,
    pb.ActivityRange.LAST_24_HOURS: Range.DAY,
    pb.ActivityRange.LAST_7_DAYS: Range.WEEK,
    pb.ActivityRange.LAST_30_DAYS: Range.MONTH,
}
_TASKS = {
    Task.BRANDING: pb.SetupTask.SET_BRANDING,
    Task.APPLICATION: pb.SetupTask.CREATE_APPLICATION,
    Task.USER: pb.SetupTask.CREATE_USER,
    Task.EMAIL: pb.SetupTask.CONFIGURE_EMAIL,
    Task.DOMAIN: pb.SetupTask.ADD_DOMAIN,
    Task.SINGLE_SIGN_ON: pb.SetupTask.TRY_SINGLE_SIGN_ON,
    Task.WEBHOOK: pb.SetupTask.CREATE_WEBHOOK,
}


class OverviewService:
    """One async method per rpc; the figures are remembered for `REMEMBERED_SECONDS`."""

    def __init__(self, effective: Effective) -> None:
        self._effective = effective
        self._at = float("-inf")
        self._found: Overview | None = None

    async def get_overview(
        self, _request: pb.GetOverviewRequest, call: Call
    ) -> pb.GetOverviewResponse:
        if self._found is None or time.monotonic() - self._at >= REMEMBERED_SECONDS:
            self._found = await service.measure(call.db)
            self._at = time.monotonic()
        return pb.GetOverviewResponse(overview=_message(self._found))

    async def get_activity(
        self, request: pb.GetActivityRequest, call: Call
    ) -> pb.GetActivityResponse:
        kinds = [_KINDS[metric] for metric in request.metrics]
        at, found = await activity.read(call.db, kinds, _RANGES[request.range], key=request.key)
        names = await activity.names(call.db, found)
        return pb.GetActivityResponse(
            measure_time=timestamp(at),
            start_times=[timestamp(start) for start in found[kinds[0]].starts],
            activities=[
                pb.Activity(
                    metric=metric,
                    series=[
                        pb.ActivitySeries(
                            key=one.key,
                            name=names.get(one.key, ""),
                            counts=list(one.n),
                            failures=list(one.failed),
                            milliseconds=list(one.milliseconds),
                        )
                        for one in found[kind].series
                    ],
                )
                for metric, kind in zip(request.metrics, kinds, strict=True)
            ],
        )

    async def get_setup_checklist(
        self, _request: pb.GetSetupChecklistRequest, call: Call
    ) -> pb.GetSetupChecklistResponse:
        found = await checklist.read(call.db, self._effective.settings)
        return pb.GetSetupChecklistResponse(
            checklist=pb.SetupChecklist(
                steps=[
                    pb.SetupStep(task=_TASKS[task], done=done) for task, done in found.done.items()
                ],
                dismissed=found.dismissed,
                client_id=found.client_id,
                test_organization_id=found.test_organization_id,
            )
        )

    async def dismiss_setup_checklist(
        self, _request: pb.DismissSetupChecklistRequest, call: Call
    ) -> pb.DismissSetupChecklistResponse:
        await checklist.dismiss(call)
        return pb.DismissSetupChecklistResponse()


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
