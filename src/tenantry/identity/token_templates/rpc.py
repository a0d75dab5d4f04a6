"""InterceptorService, of the token template: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty, Struct

from tenantry.core import errors, structs
from tenantry.core.claim_names import RESERVED
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb
from tenantry.identity.token_templates import service, variables

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.token_templates.model import TokenTemplate


class TokenTemplateService:
    """One async method per rpc, but for the preview, which `grants` has.

    ``room`` is how many bytes the claims of a template may have.
    """

    def __init__(self, *, room: int) -> None:
        self._room = room

    async def upsert_token_template(
        self, request: pb.UpsertTokenTemplateRequest, call: Call
    ) -> pb.UpsertTokenTemplateResponse:
        if request.template is None:
            raise errors.InvalidArgument.field("template", "required", "is required")
        content = structs.plain(request.template, "template")
        kept = await service.keep(call, content, room=self._room)
        return pb.UpsertTokenTemplateResponse(config=_config(kept))

    async def get_token_template(
        self, _request: pb.GetTokenTemplateRequest, call: Call
    ) -> pb.GetTokenTemplateResponse:
        return pb.GetTokenTemplateResponse(config=_config(await service.get(call.db)))

    async def delete_token_template(
        self, _request: pb.DeleteTokenTemplateRequest, call: Call
    ) -> Empty:
        await service.remove(call)
        return Empty()

    async def enable_token_template(
        self, _request: pb.EnableTokenTemplateRequest, call: Call
    ) -> Empty:
        await service.switch(call, on=True)
        return Empty()

    async def disable_token_template(
        self, _request: pb.DisableTokenTemplateRequest, call: Call
    ) -> Empty:
        await service.switch(call, on=False)
        return Empty()

    async def get_token_template_context(
        self, _request: pb.GetTokenTemplateContextRequest, _call: Call
    ) -> pb.GetTokenTemplateContextResponse:
        return pb.GetTokenTemplateContextResponse(
            variables=Struct.from_python(variables.SHAPE),
            accesstoken_reserved_claims=Struct.from_python(RESERVED),
        )


def _config(kept: TokenTemplate) -> pb.TokenTemplateConfig:
    return pb.TokenTemplateConfig(
        template=Struct.from_python(dict(kept.template)),
        enabled=kept.enabled,
        created_at=timestamp(kept.create_time),
        updated_at=timestamp(kept.update_time),
    )
