"""InterceptorService, of previews of a token template: message in, message out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from protobuf.wkt import Struct

from tenantry.core import errors, structs
from tenantry.core.caller import Kind
from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb
from tenantry.identity.grants import previews

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call

_MOST_CHARACTERS = 500  # of a message
_SCOPE = "users:read"  # a template may ask for all that is known of a user


class TokenPreviewService:
    def __init__(self, *, issuer: str, compact: bool) -> None:
        self._issuer = issuer
        self._compact = compact

    async def preview_token_template(
        self, request: pb.PreviewTokenTemplateRequest, call: Call
    ) -> pb.PreviewTokenTemplateResponse:
        _check_scope(call)
        given = request.template
        try:
            preview = await previews.of_person(
                call.db,
                None if given is None else structs.plain(given, "template"),
                user_id=request.user_id,
                organization_id=request.organization_id
                if request.has_field("organization_id")
                else None,
                issuer=self._issuer,
                compact=self._compact,
            )
        except previews.InvalidTemplate as problem:
            return pb.PreviewTokenTemplateResponse(error=_error(problem.error))
        return pb.PreviewTokenTemplateResponse(
            claims=_struct(preview.claims),
            omitted_keys=list(preview.omitted),
            token_preview=_struct(preview.token),
        )


def _check_scope(call: Call) -> None:
    """Refuse a management client that may read templates, and no users."""
    held = call.caller.permissions
    if call.caller.kind is Kind.MANAGEMENT_CLIENT and held is not None and _SCOPE not in held:
        raise errors.PermissionDenied(
            f"this call needs the management scope {_SCOPE} as well, which the access token lacks"
        )


def _error(problem: errors.Error) -> pb.ErrorMessage:
    violations = [
        {"field": one.field, "constraint": one.constraint, "description": one.description}
        for one in problem.violations
    ]
    return pb.ErrorMessage(
        code="INVALID_TEMPLATE",
        message=problem.message[:_MOST_CHARACTERS],
        details=_struct({"field_violations": violations}),
    )


def _struct(content: Mapping[str, Any]) -> Struct:
    return Struct.from_json(json.dumps(content))
