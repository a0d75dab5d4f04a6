"""SigningKeyService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.keys import service
from tenantry.core import errors
from tenantry.core.times import SECOND, timestamp
from tenantry.gen.tenantry.v1 import signing_keys_pb as pb

if TYPE_CHECKING:
    from tenantry.access.keys.model import SigningKey
    from tenantry.call import Call


class SigningKeyService:
    async def list_signing_keys(
        self, _request: pb.ListSigningKeysRequest, call: Call
    ) -> pb.ListSigningKeysResponse:
        return pb.ListSigningKeysResponse(
            keys=[_message(key) for key in await service.load(call.db)]
        )

    async def rotate_signing_keys(
        self, request: pb.RotateSigningKeysRequest, call: Call
    ) -> pb.RotateSigningKeysResponse:
        try:
            await (service.revoke(call) if request.now else service.rotate(call))
        except RuntimeError:
            raise errors.Busy("another rotation is in progress") from None
        keys = await service.load(call.db)
        return pb.RotateSigningKeysResponse(keys=[_message(key) for key in keys])


def _message(key: SigningKey) -> pb.SigningKey:
    message = pb.SigningKey(
        id=key.id,
        algorithm=key.algorithm,
        state=key.state.value,
        public_key=key.public_pem,
        create_time=timestamp(key.create_time),
    )
    if key.retire_time is not None:
        message.retire_time = timestamp(key.retire_time)
        published = service.LONGEST_TOKEN_SECONDS * SECOND
        message.expire_time = timestamp(key.retire_time + published)
    return message
