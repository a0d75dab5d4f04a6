"""DeploymentService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tenantry import __version__
from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.db.encryption import reencryption
from tenantry.db.readiness import Readiness
from tenantry.db.revisions import HEAD
from tenantry.gen.tenantry.v1 import deployment_pb as pb
from tenantry.transfer.deployment import examination, health

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Database
    from tenantry.settings import Settings


class DeploymentService:
    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._readiness = Readiness(db)
        self._examining = asyncio.Lock()

    async def get_health(self, _request: pb.GetHealthRequest, call: Call) -> pb.GetHealthResponse:
        problem = ""
        try:
            await self._readiness.check()
        except errors.Busy as found:
            problem = found.message
        now = await health.look(call.db, self._settings)
        encryption = await reencryption.progress(call.db)
        return pb.GetHealthResponse(
            version=__version__,
            environment_id=call.db.environment_id,
            database=self._settings.database.partition(":")[0],
            schema=HEAD,
            ready=not problem,
            ready_problem=problem,
            held=now.held,
            disk_free=now.disk_free,
            disk_total=now.disk_total,
            certificates=[
                pb.CertificateHealth(
                    use=one.use,
                    name=one.name,
                    expire_time=timestamp(one.expire_time),
                    days_left=one.days_left,
                )
                for one in now.certificates
            ],
            encryption=pb.EncryptionHealth(
                data_key_version=encryption.version,
                table_count=encryption.of,
                reencrypted_table_count=encryption.done,
                unreadable_values=dict(encryption.unreadable),
            ),
        )

    async def examine(self, _request: pb.ExamineRequest, _call: Call) -> pb.ExamineResponse:
        if self._examining.locked():
            raise errors.Busy("the checks are running, try again")
        async with self._examining:
            findings = await examination.run()
        return pb.ExamineResponse(
            findings=[
                pb.Finding(check=one.check, ok=one.ok, text=one.text, advice=one.advice)
                for one in findings
            ]
        )
