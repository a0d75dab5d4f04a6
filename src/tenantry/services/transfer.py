"""The state of the deployment."""

from __future__ import annotations

from tenantry.services.service import Service


def deployment() -> Service:
    from tenantry.gen.tenantry.v1 import deployment_pb
    from tenantry.transfer.deployment.rpc import DeploymentService

    return Service(deployment_pb, lambda c: (DeploymentService(c.settings, c.db),))
