"""ApiTokenService and ApiTokenRecordService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.access.api_tokens import listing, reading, service
from tenantry.core import errors, ids
from tenantry.core.times import microseconds, timestamp
from tenantry.gen.scalekit.v1.tokens import tokens_pb as pb
from tenantry.gen.tenantry.v1 import api_token_records_pb as own_pb
from tenantry.tenants.organizations.policy import Refusal

if TYPE_CHECKING:
    from tenantry.access.api_tokens.model import ApiToken
    from tenantry.access.api_tokens.token_cache import ApiTokenCache
    from tenantry.call import Call
    from tenantry.db.writes.last_uses import LastUses


_ADDRESS_MAX = 45  # characters


class ApiTokenService:
    def __init__(self, known: ApiTokenCache, uses: LastUses, *, prefix: str) -> None:
        self._known = known
        self._uses = uses
        self._prefix = prefix

    async def create_token(
        self, request: pb.CreateTokenRequest, call: Call
    ) -> pb.CreateTokenResponse:
        new = request.token
        if new is None:
            raise errors.InvalidArgument.field("token", "required", "is required")
        if not new.organization_id:
            raise errors.InvalidArgument.field("token.organization_id", "required", "is required")
        token, text = await service.create(
            call,
            prefix=self._prefix,
            organization_id=new.organization_id,
            user_id=new.user_id or None,
            custom_claims=new.custom_claims,
            expire_time=microseconds(
                new.expiry,
                "token.expiry",
                first=0,
                refusal="must be a time from now to the year 9999",
            ),
            description=new.description,
        )
        return pb.CreateTokenResponse(token=text, token_id=token.id, token_info=_message(token))

    async def validate_token(
        self, request: pb.ValidateTokenRequest, call: Call
    ) -> pb.ValidateTokenResponse:
        token = await self._known.find(request.token)
        if token is None:
            raise errors.NotFound("token")
        if not token.allows_address(call.text("ip_address", _ADDRESS_MAX)):
            raise errors.PermissionDenied(Refusal.NETWORK.sentence)
        self._uses.note(token.id)
        return pb.ValidateTokenResponse(token_info=_message(token))

    async def update_token(
        self, request: pb.UpdateTokenRequest, call: Call
    ) -> pb.UpdateTokenResponse:
        token = await service.change(
            call,
            self._known,
            request.token,
            description=request.description if request.has_field("description") else None,
            custom_claims=request.custom_claims,
        )
        return pb.UpdateTokenResponse(token_info=_message(token))

    async def invalidate_token(self, request: pb.InvalidateTokenRequest, call: Call) -> Empty:
        await service.invalidate(call, self._known, request.token)
        return Empty()

    async def list_tokens(self, request: pb.ListTokensRequest, call: Call) -> pb.ListTokensResponse:
        page = await listing.page(
            call,
            request.organization_id,
            request.user_id or None,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListTokensResponse(
            tokens=[_message(token) for token in page.items],
            total_count=page.total_size,
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
        )


class ApiTokenRecordService:
    async def get_api_token(
        self, request: own_pb.GetApiTokenRequest, call: Call
    ) -> own_pb.GetApiTokenResponse:
        key, found = request.token_id, None
        if ids.well_formed(ids.API_TOKEN, key):
            found = (await reading.read(call.db, [key])).get(key)
        if found is None:
            raise errors.NotFound("token")
        answer = own_pb.GetApiTokenResponse(
            token_info=_message(found), update_time=timestamp(found.update_time)
        )
        if found.last_used_time is not None:
            answer.last_used_time = timestamp(found.last_used_time)
        return answer


def _message(token: ApiToken) -> pb.Token:
    message = pb.Token(
        token_id=token.id,
        organization_id=token.organization_id,
        organization_external_id=token.organization_external_id or "",
        custom_claims=dict(token.custom_claims),
        created_at=timestamp(token.create_time),
        token_suffix=token.suffix,
        roles=list(token.roles),
    )
    if token.user_id is not None:
        message.user_id = token.user_id
        message.email = token.email or ""
        if token.user_external_id is not None:
            message.user_external_id = token.user_external_id
    if token.description:
        message.description = token.description
    if token.expire_time is not None:
        message.expiry = timestamp(token.expire_time)
    return message
