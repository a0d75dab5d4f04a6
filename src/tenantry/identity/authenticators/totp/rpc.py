"""TOTPService and SecondFactorService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from protobuf import Oneof
from protobuf.wkt import Empty

from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.auth import totp_pb as pb
from tenantry.gen.tenantry.v1 import second_factors_pb as own_pb
from tenantry.identity.authenticators.totp import service

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.authenticators.totp.model import Registration

    _User = Oneof[Literal["user_id"], str]
    _Account = Oneof[Literal["account_name"], str]


class TOTPService:
    def __init__(self, *, issuer: str) -> None:
        self._issuer = issuer

    async def register_totp(
        self, request: pb.TOTPRegistrationRequest, call: Call
    ) -> pb.TOTPRegistrationResponse:
        given = request.totp_registration
        whose = given.UserIdOrAccountName if given else None
        made = await service.register(
            call,
            user_id=whose.value if whose and whose.field == "user_id" else None,
            account_name=whose.value if whose and whose.field == "account_name" else None,
        )
        registration = pb.TOTPRegistration(
            id=made.id,
            create_time=timestamp(made.create_time),
            update_time=timestamp(made.update_time),
            qr_code_uri=service.uri(call.db, made, self._issuer),
        )
        registration.UserIdOrAccountName = _whose(made)
        return pb.TOTPRegistrationResponse(totp_registration=registration)

    async def enable_totp(
        self, request: pb.EnableRegistrationTOTPRequest, call: Call
    ) -> pb.EnableRegistrationTOTPResponse:
        enabled, codes = await service.enable(call, request.registration_id, request.code)
        return pb.EnableRegistrationTOTPResponse(id=enabled.id, backup_codes=codes)

    async def verify_user_code(
        self, request: pb.VerifyUserCodeRequest, call: Call
    ) -> pb.VerifyCodeResponse:
        valid = await service.verify(call, request.user_id, request.code)
        return pb.VerifyCodeResponse(valid=valid)

    async def verify_registration_code(
        self, request: pb.VerifyRegistrationCodeRequest, call: Call
    ) -> pb.VerifyCodeResponse:
        valid = await service.verify_registration(call, request.registration_id, request.code)
        return pb.VerifyCodeResponse(valid=valid)

    async def disable_totp(self, request: pb.DisableRegistrationTOTPRequest, call: Call) -> Empty:
        await service.disable(call, request.registration_id, request.code)
        return Empty()


class SecondFactorService:
    async def get_second_factor(
        self, request: own_pb.GetSecondFactorRequest, call: Call
    ) -> own_pb.GetSecondFactorResponse:
        found = await service.of_user(call.db, request.user_id)
        if found is None:
            await service.check_user(call.db, request.user_id)
            return own_pb.GetSecondFactorResponse(second_factor=own_pb.SecondFactor())
        return own_pb.GetSecondFactorResponse(
            second_factor=own_pb.SecondFactor(
                enabled=True,
                recovery_codes_left=await service.recovery_codes_left(call.db, found.id),
                create_time=timestamp(found.create_time),
            )
        )

    async def delete_second_factor(
        self, request: own_pb.DeleteSecondFactorRequest, call: Call
    ) -> Empty:
        await service.reset(call, request.user_id)
        return Empty()


def _whose(registration: Registration) -> _User | _Account:
    if registration.user_id is not None:
        user: _User = Oneof("user_id", registration.user_id)
        return user
    account: _Account = Oneof("account_name", registration.account_name)
    return account
