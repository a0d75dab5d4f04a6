"""InterceptorService and InterceptorSecretService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from protobuf import Oneof
from protobuf.wkt import Empty, Struct

from tenantry.core import errors, structs
from tenantry.core.times import timestamp
from tenantry.crypto.vault import WrongKey
from tenantry.events.interceptors import listing, registry, values
from tenantry.events.interceptors.authorization import decrypted
from tenantry.events.interceptors.model import API_KEY, OAUTH2
from tenantry.gen.scalekit.v1.errdetails.errdetails_pb import ValidationErrorInfo
from tenantry.gen.scalekit.v1.interceptors import interceptors_pb as pb
from tenantry.gen.tenantry.v1 import interceptor_secrets_pb

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.events.interceptors.model import Interceptor
    from tenantry.events.interceptors.service import Interceptors, Trial

_TEXTS = ("display_name", "description", "api_url")
_OAUTH2 = ("token_url", "client_id", "client_secret", "scope")
_OAUTH2_SHOWN = ("token_url", "client_id", "scope")
_TEMPLATES = ("request_template", "response_template")


class InterceptorService:
    def __init__(self, interceptors: Interceptors) -> None:
        self._interceptors = interceptors
        self._allow = interceptors.allow

    async def create_interceptor(
        self, request: pb.CreateInterceptorRequest, call: Call
    ) -> pb.CreateInterceptorResponse:
        assert request.interceptor is not None
        interceptor, _secret = await registry.create(
            call, _members(request.interceptor), allow=self._allow
        )
        return pb.CreateInterceptorResponse(interceptor=to_message(call, interceptor))

    async def get_interceptor(
        self, request: pb.GetInterceptorRequest, call: Call
    ) -> pb.GetInterceptorResponse:
        interceptor = await registry.get(call.db, request.id)
        return pb.GetInterceptorResponse(interceptor=to_message(call, interceptor))

    async def list_interceptors(
        self, request: pb.ListInterceptorsRequest, call: Call
    ) -> pb.ListInterceptorsResponse:
        page = await listing.page(
            call,
            trigger_point=request.trigger_point.name
            if request.has_field("trigger_point")
            else None,
            enabled=request.enabled if request.has_field("enabled") else None,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListInterceptorsResponse(
            interceptors=[to_message(call, one) for one in page.items],
            next_page_token=page.next_page_token,
            total_size=page.total_size,
            prev_page_token=page.prev_page_token,
        )

    async def update_interceptor(
        self, request: pb.UpdateInterceptorRequest, call: Call
    ) -> pb.UpdateInterceptorResponse:
        assert request.interceptor is not None
        interceptor = await registry.change(
            call, request.id, _members(request.interceptor), allow=self._allow
        )
        self._interceptors.forget(interceptor.id)
        return pb.UpdateInterceptorResponse(interceptor=to_message(call, interceptor))

    async def delete_interceptor(self, request: pb.DeleteInterceptorRequest, call: Call) -> Empty:
        await registry.remove(call, request.id)
        self._interceptors.forget(request.id)
        return Empty()

    async def enable_interceptor(self, request: pb.EnableInterceptorRequest, call: Call) -> Empty:
        await registry.enable(call, request.id)
        self._interceptors.forget(request.id)
        return Empty()

    async def disable_interceptor(self, request: pb.DisableInterceptorRequest, call: Call) -> Empty:
        await registry.disable(call, request.id)
        self._interceptors.forget(request.id)
        return Empty()

    async def test_interceptor(
        self, request: pb.TestInterceptorRequest, call: Call
    ) -> pb.TestInterceptorResponse:
        assert request.data is not None
        interceptor = await registry.get(call.db, request.id)
        sample = structs.plain(request.data, "data")
        return _tried(await self._interceptors.test(call, interceptor, sample))


class InterceptorSecretService:
    def __init__(self, interceptors: Interceptors) -> None:
        self._interceptors = interceptors

    async def rotate_interceptor_secret(
        self, request: interceptor_secrets_pb.RotateInterceptorSecretRequest, call: Call
    ) -> interceptor_secrets_pb.RotateInterceptorSecretResponse:
        interceptor, secret = await registry.rotate_secret(call, request.id)
        self._interceptors.forget(interceptor.id)
        return interceptor_secrets_pb.RotateInterceptorSecretResponse(
            interceptor=to_message(call, interceptor), secret=secret
        )


def to_message(call: Call, interceptor: Interceptor) -> pb.Interceptor:
    """Return an interceptor as the contract shows it: without its secrets."""
    message = pb.Interceptor(
        id=interceptor.id,
        display_name=interceptor.display_name,
        description=interceptor.description,
        trigger_point=pb.TriggerPoint[interceptor.trigger_point],
        interceptor_type=pb.InterceptorType.AUTH,
        api_url=interceptor.api_url,
        config=_config(call, interceptor),
        timeout_ms=interceptor.timeout_ms,
        failure_policy=pb.FailurePolicy[interceptor.failure_policy],
        secret_id=interceptor.secret_id,
        secret_suffix=interceptor.secret_suffix,
        enabled=interceptor.enabled,
        created_at=timestamp(interceptor.create_time),
        updated_at=timestamp(interceptor.update_time),
    )
    if interceptor.last_executed_time is not None:
        message.last_executed_at = timestamp(interceptor.last_executed_time)
    return message


def _config(call: Call, interceptor: Interceptor) -> pb.Config | None:
    try:
        known = decrypted(call.db.vault, interceptor)
    except WrongKey:
        # Its type alone, so that it is found and set again.
        type_ = pb.AuthConfigType[interceptor.auth_config_type or API_KEY]
        return pb.Config(auth_config=pb.AuthenticationConfig(auth_config_type=type_))
    if known is None:
        return None
    type_ = pb.AuthConfigType[known["type"]]
    if known["type"] == API_KEY:
        key: Oneof[Literal["api_key"], pb.ApiKeyAuth] = Oneof(
            "api_key", pb.ApiKeyAuth(header_name=known["header_name"])
        )
        auth = pb.AuthenticationConfig(auth_config=key, auth_config_type=type_)
    else:
        oauth2: Oneof[Literal["oauth2"], pb.Oauth2Auth] = Oneof(
            "oauth2", pb.Oauth2Auth(**{name: known[name] for name in _OAUTH2_SHOWN})
        )
        auth = pb.AuthenticationConfig(auth_config=oauth2, auth_config_type=type_)
    return pb.Config(auth_config=auth)


def _members(given: pb.CreateInterceptor | pb.UpdateInterceptor) -> dict[str, Any]:
    """Return the members that are present, by their names in the model."""
    members: dict[str, Any] = {}
    for name in _TEMPLATES:
        values.no_template(getattr(given, name), f"interceptor.{name}")
    present: Any
    for present in (*_TEXTS, "trigger_point", "timeout_ms", "failure_policy"):
        if given.has_field(present):
            value = getattr(given, present)
            members[present] = value if present in {*_TEXTS, "timeout_ms"} else value.name
    if given.config is not None:
        members["auth_config"] = _auth_config(given.config.auth_config)
    return members


def _auth_config(given: pb.AuthenticationConfig | None) -> dict[str, Any] | None:
    if given is None:
        return None
    type_ = given.auth_config_type.name
    kind = given.auth_config
    if kind is None or kind.field != {API_KEY: "api_key", OAUTH2: "oauth2"}[type_]:
        raise errors.InvalidArgument.field(
            "interceptor.config.auth_config.auth_config_type",
            "oneof",
            f"is {type_}, so only {type_.lower()} must be set",
        )
    names = ("header_name", "api_key") if type_ == API_KEY else _OAUTH2
    return {"type": type_, **{name: getattr(kind.value, name) for name in names}}


def _tried(trial: Trial) -> pb.TestInterceptorResponse:
    response = pb.TestInterceptorResponse()
    if trial.content is not None:
        response.interceptor_response = Struct.from_json(json.dumps(trial.content))
    if trial.invalid is not None:
        violation = ValidationErrorInfo.FieldViolation(
            field=trial.invalid.member,
            constraint=trial.invalid.constraint,
            description=trial.invalid.description,
        )
        response.validation_error = ValidationErrorInfo(field_violations=[violation])
    if trial.failed is not None:
        details = {} if trial.failed.status is None else {"http_status": trial.failed.status}
        response.error = pb.ErrorMessage(
            code=trial.failed.code,
            message=str(trial.failed),
            details=Struct.from_json(json.dumps(details)),
        )
    return response
