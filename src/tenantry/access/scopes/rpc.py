"""Scopes of ClientService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.access.scopes import service
from tenantry.core import errors
from tenantry.gen.scalekit.v1.clients import clients_pb as pb

if TYPE_CHECKING:
    from tenantry.access.scopes.model import Scope
    from tenantry.call import Call


class ScopeService:
    async def create_scope(
        self, request: pb.CreateScopeRequest, call: Call
    ) -> pb.CreateScopeResponse:
        assert request.scope is not None
        _check_environment(call, request.env_id)
        scope = await service.create(
            call, name=request.scope.name, description=request.scope.description
        )
        return pb.CreateScopeResponse(scope=_scope(scope))

    async def list_scopes(self, request: pb.ListScopesRequest, call: Call) -> pb.ListScopesResponse:
        _check_environment(call, request.env_id)
        return pb.ListScopesResponse(scopes=[_scope(s) for s in await service.list_all(call)])

    async def update_scope(
        self, request: pb.UpdateScopeRequest, call: Call
    ) -> pb.UpdateScopeResponse:
        assert request.scope is not None
        enabled = request.scope.enabled
        scope = await service.change(
            call,
            request.id,
            description=request.scope.description,
            enabled=None if enabled is None else enabled.value,
        )
        return pb.UpdateScopeResponse(scope=_scope(scope))

    async def delete_scope(self, request: pb.DeleteScopeRequest, call: Call) -> Empty:
        await service.remove(call, request.id)
        return Empty()


def _check_environment(call: Call, environment_id: str) -> None:
    if environment_id not in {"", call.db.environment_id}:
        raise errors.NotFound("environment")


def _scope(scope: Scope) -> pb.Scope:
    return pb.Scope(
        id=scope.id, name=scope.name, description=scope.description, enabled=scope.enabled
    )
