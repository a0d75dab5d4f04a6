"""PasswordlessService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.gen.scalekit.v1.auth import passwordless_pb as pb
from tenantry.identity.authenticators.passwordless import service

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.authenticators.passwordless.model import Request
    from tenantry.tenants.environment.effective import Effective


class PasswordlessService:
    def __init__(self, effective: Effective) -> None:
        self._effective = effective
        self._is_modular = effective.given.is_modular

    async def send_passwordless_email(
        self, request: pb.SendPasswordlessRequest, call: Call
    ) -> pb.SendPasswordlessResponse:
        self._check()
        sent = await service.send(
            call,
            email=request.email,
            template=_name(request.template),
            link_uri=request.magiclink_auth_uri or None,
            # Clients that have nothing to say of it send 0.
            seconds=request.expires_in or self._effective.settings.email_code_seconds,
            state=request.state if request.has_field("state") else None,
            template_variables=request.template_variables,
        )
        return _sent(sent)

    async def verify_passwordless_email(
        self, request: pb.VerifyPasswordLessRequest, call: Call
    ) -> pb.VerifyPasswordLessResponse:
        self._check()
        given, request_id = request.auth_credential, request.auth_request_id
        if given is None:
            raise errors.InvalidArgument.field(
                "auth_credential", "required", "code or link_token is required"
            )
        if given.field == "link_token":
            verified = await service.verify_link(
                call, given.value, request_id or None, by_application=True
            )
        elif not request_id:
            raise errors.InvalidArgument.field(
                "auth_request_id", "required", "is required with a code"
            )
        else:
            verified = await service.verify_code(call, request_id, given.value, by_application=True)
        return _verified(verified)

    async def resend_passwordless_email(
        self, request: pb.ResendPasswordlessRequest, call: Call
    ) -> pb.SendPasswordlessResponse:
        self._check()
        return _sent(await service.resend(call, request.auth_request_id, by_application=True))

    def _check(self) -> None:
        if self._is_modular:
            raise errors.Modular


def _name(template: pb.TemplateType) -> str:
    return "" if template == pb.TemplateType.UNSPECIFIED else template.name


def _sent(request: Request) -> pb.SendPasswordlessResponse:
    return pb.SendPasswordlessResponse(
        auth_request_id=request.id,
        expires_at=request.expire_time // 1_000_000,
        expires_in=request.seconds,
        passwordless_type=pb.PasswordlessType[request.type],
    )


def _verified(request: Request) -> pb.VerifyPasswordLessResponse:
    message = pb.VerifyPasswordLessResponse(
        email=request.email, passwordless_type=pb.PasswordlessType[request.type]
    )
    if request.state is not None:
        message.state = request.state
    if request.template:
        message.template = pb.TemplateType[request.template]
    return message
