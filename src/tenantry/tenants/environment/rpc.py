"""EnvironmentService and SettingService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from protobuf.wkt import BoolValue, Empty, Int32Value, StringValue, Struct, UInt32Value, Value

from tenantry.core import errors, ids, structs
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.commons.commons_pb import EnvironmentType, RegionCode
from tenantry.gen.scalekit.v1.environments import environments_pb as pb
from tenantry.gen.tenantry.v1 import settings_pb as own_pb
from tenantry.tenants.environment import service
from tenantry.tenants.environment.model import CONTEXT, ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.settings import Settings
    from tenantry.tenants.environment.effective import Effective
    from tenantry.tenants.environment.service import EffectiveSetting

_MINUTES = {
    pb.TimeUnit.SESSION_TIME_UNIT_UNSPECIFIED: 1,
    pb.TimeUnit.MINUTES: 1,
    pb.TimeUnit.HOURS: 60,
    pb.TimeUnit.DAYS: 1440,
}
_DAY = 1440  # minutes
# What an answer of the contract shows, and no request changes: there is nothing else here.
_SESSION_CONSTANTS: dict[str, bool | str] = {
    "session_management_enabled": True,
    "cookie_custom_domain": "",
}
_USER_CONSTANTS = {
    "allow_duplicate_user_identities": False,
    "allow_multiple_memberships": True,
    "enable_max_users_limit": False,
    "enable_bot_detection": False,
    "enable_fail_open": False,
}
_SWITCHES = ("sign_up", "organization_branding")  # features that are settings of that name


def check_environment(call: Call, id_: str) -> None:
    """Let the environment that there is be named."""
    if id_ != call.db.environment_id:
        raise errors.NotFound("environment")


class EnvironmentService:
    """One async method per rpc, but for those of other packages."""

    def __init__(self, effective: Effective, *, production: bool) -> None:
        self._effective = effective
        self._production = production

    @property
    def _settings(self) -> Settings:
        return self._effective.settings

    async def get_environment(
        self, request: pb.GetEnvironmentRequest, call: Call
    ) -> pb.GetEnvironmentResponse:
        check_environment(call, request.id)
        return pb.GetEnvironmentResponse(environment=await self._environment(call))

    async def list_environment(
        self, _request: pb.ListEnvironmentsRequest, call: Call
    ) -> pb.ListEnvironmentsResponse:
        return pb.ListEnvironmentsResponse(
            environments=[await self._environment(call)], total_size=1
        )

    async def update_environment(
        self, request: pb.UpdateEnvironmentRequest, call: Call
    ) -> pb.UpdateEnvironmentResponse:
        check_environment(call, request.id)
        assert request.environment is not None
        name = request.environment.display_name
        if name:
            await service.keep_document(
                call, ENVIRONMENT, {"display_name": name}, "environment.display_name"
            )
        return pb.UpdateEnvironmentResponse(environment=await self._environment(call))

    async def get_environment_session_settings(
        self, request: pb.GetEnvironmentSessionSettingsRequest, call: Call
    ) -> pb.GetEnvironmentSessionSettingsResponse:
        check_environment(call, request.id)
        return pb.GetEnvironmentSessionSettingsResponse(session_settings=_sessions(self._settings))

    async def create_environment_session_settings(
        self, request: pb.CreateEnvironmentSessionSettingsRequest, call: Call
    ) -> pb.CreateEnvironmentSessionSettingsResponse:
        await self._set_sessions(call, request.id, request.session_settings)
        return pb.CreateEnvironmentSessionSettingsResponse(
            environment_id=request.id, session_settings=_sessions(self._settings)
        )

    async def update_environment_session_settings(
        self, request: pb.UpdateEnvironmentSessionSettingsRequest, call: Call
    ) -> pb.UpdateEnvironmentSessionSettingsResponse:
        await self._set_sessions(call, request.id, request.session_settings)
        return pb.UpdateEnvironmentSessionSettingsResponse(
            environment_id=request.id, session_settings=_sessions(self._settings)
        )

    async def get_environment_user_management(
        self, request: pb.GetEnvironmentUserManagementRequest, call: Call
    ) -> pb.GetEnvironmentUserManagementResponse:
        check_environment(call, request.id)
        return pb.GetEnvironmentUserManagementResponse(user_management=_users(self._settings))

    async def create_environment_user_management(
        self, request: pb.CreateEnvironmentUserManagementRequest, call: Call
    ) -> pb.CreateEnvironmentUserManagementResponse:
        await self._set_users(call, request.id, request.user_management)
        return pb.CreateEnvironmentUserManagementResponse(
            environment_id=request.id, user_management=_users(self._settings)
        )

    async def update_environment_user_management(
        self, request: pb.UpdateEnvironmentUserManagementRequest, call: Call
    ) -> pb.UpdateEnvironmentUserManagementResponse:
        await self._set_users(call, request.id, request.user_management)
        return pb.UpdateEnvironmentUserManagementResponse(
            environment_id=request.id, user_management=_users(self._settings)
        )

    async def get_features(
        self, request: pb.GetFeaturesRequest, call: Call
    ) -> pb.GetFeaturesResponse:
        if request.id:
            check_environment(call, request.id)
        return self._features()

    async def update_features(
        self, request: pb.UpdateFeaturesRequest, call: Call
    ) -> pb.GetFeaturesResponse:
        check_environment(call, request.id)
        wanted: dict[str, bool] = {}
        fields: dict[str, str] = {}
        for place, feature in enumerate(request.features):
            field = f"features[{place}].name"
            self._check_feature(feature.name, field, enabled=feature.enabled)
            if feature.name in fields:
                raise errors.InvalidArgument.field(field, "once", "is given more than once")
            fields[feature.name] = field
            if feature.name in _SWITCHES:
                wanted[feature.name] = feature.enabled
        await self._switch(call, wanted, fields)
        return self._features()

    async def enable_feature(self, request: pb.EnableFeatureRequest, call: Call) -> Empty:
        await self._switch_one(call, request.id, request.feature_id, enabled=True)
        return Empty()

    async def disable_feature(self, request: pb.DisableFeatureRequest, call: Call) -> Empty:
        await self._switch_one(call, request.id, request.feature_id, enabled=False)
        return Empty()

    async def get_host_scoped_public_feature_flags(
        self, _request: Empty, _call: Call
    ) -> pb.GetHostScopedPublicFeatureFlagsResponse:
        return pb.GetHostScopedPublicFeatureFlagsResponse(
            flags=[
                pb.PublicHostFeatureFlag(
                    key=name,
                    value=Value.from_python(on),
                    variant="on" if on else "off",
                    reason="STATIC",
                )
                for name, on in self._on().items()
            ]
        )

    async def get_context(self, request: pb.GetContextRequest, call: Call) -> pb.GetContextResponse:
        check_environment(call, request.environment_id)
        content, _ = await service.document(call.db, CONTEXT)
        return pb.GetContextResponse(context=Struct.from_python(content))

    async def update_context(self, request: pb.UpdateContextRequest, call: Call) -> Empty:
        check_environment(call, request.environment_id)
        given = request.context
        content = {} if given is None else structs.plain(given, "context")
        await service.keep_document(call, CONTEXT, content, "context")
        return Empty()

    async def _environment(self, call: Call) -> pb.Environment:
        id_, settings = call.db.environment_id, self._settings
        host = urlsplit(settings.public_url).hostname or ""
        kept, changed = await service.document(call.db, ENVIRONMENT)
        made = ids.made(id_)
        return pb.Environment(
            id=id_,
            create_time=timestamp(made),
            update_time=timestamp(changed or made),
            display_name=kept.get("display_name") or settings.app_name or host,
            domain=host,
            region_code=RegionCode[settings.region],
            type=EnvironmentType.PRD if self._production else EnvironmentType.DEV,
        )

    async def _set_sessions(self, call: Call, id_: str, given: pb.SessionSettings | None) -> None:
        check_environment(call, id_)
        assert given is not None
        texts, fields = _session_texts(given, self._settings)
        await service.set_settings(call, self._effective, texts, fields=fields)

    async def _set_users(self, call: Call, id_: str, given: pb.UserManagement | None) -> None:
        check_environment(call, id_)
        assert given is not None
        texts, fields = _user_texts(given)
        await service.set_settings(call, self._effective, texts, fields=fields)

    def _on(self) -> dict[str, bool]:
        settings = self._settings
        return {
            "sign_up": settings.may_sign_up,
            "organization_branding": settings.organization_branding,
            "full_stack_auth": not settings.is_modular,
            "console": settings.console,
        }

    def _features(self) -> pb.GetFeaturesResponse:
        return pb.GetFeaturesResponse(
            features=[pb.EnvironmentFeature(name=n, enabled=on) for n, on in self._on().items()]
        )

    def _check_feature(self, name: str, field: str, *, enabled: bool) -> None:
        on = self._on()
        if name not in on:
            raise errors.InvalidArgument.field(field, "in", f"is not one of {', '.join(on)}")
        if name not in _SWITCHES and enabled != on[name]:
            raise errors.InvalidArgument.field(
                field,
                "fixed",
                f"{name} is a deployment setting and cannot be changed through the API",
            )

    async def _switch_one(self, call: Call, id_: str, name: str, *, enabled: bool) -> None:
        check_environment(call, id_)
        self._check_feature(name, "feature_id", enabled=enabled)
        wanted = {name: enabled} if name in _SWITCHES else {}
        await self._switch(call, wanted, {name: "feature_id"})

    async def _switch(
        self, call: Call, wanted: Mapping[str, bool], fields: Mapping[str, str]
    ) -> None:
        texts = {name: str(on).lower() for name, on in wanted.items()}
        await service.set_settings(call, self._effective, texts, fields=fields)


class SettingService:
    def __init__(self, effective: Effective) -> None:
        self._effective = effective

    async def list_settings(
        self, _request: own_pb.ListSettingsRequest, _call: Call
    ) -> own_pb.ListSettingsResponse:
        listed = service.listed(self._effective)
        return own_pb.ListSettingsResponse(settings=[_setting(one) for one in listed])

    async def update_settings(
        self, request: own_pb.UpdateSettingsRequest, call: Call
    ) -> own_pb.UpdateSettingsResponse:
        named = {*request.settings, *request.reset}
        twice = sorted(set(request.settings) & set(request.reset))
        if twice:
            raise errors.InvalidArgument.field(
                "reset", "once", f"{twice[0]} cannot be both set and reset"
            )
        await service.set_settings(
            call, self._effective, dict(request.settings), reset=tuple(request.reset)
        )
        listed = service.listed(self._effective)
        return own_pb.UpdateSettingsResponse(
            settings=[_setting(one) for one in listed if one.name in named]
        )


def _setting(one: EffectiveSetting) -> own_pb.Setting:
    return own_pb.Setting(
        name=one.name,
        value=one.value,
        default_value=one.default,
        description=one.help,
        source=own_pb.SettingSource[one.source],
        changeable=one.changeable,
        secret=one.secret,
        set_by=one.set_by,
    )


def _sessions(settings: Settings) -> pb.SessionSettings:
    idle = settings.session_idle_minutes
    persistent = settings.session_cookie_persistent
    none = settings.session_cookie_same_site == "none"
    return pb.SessionSettings(
        access_token_expiry=Int32Value(value=settings.access_token_minutes),
        absolute_session_timeout=Int32Value(value=settings.session_absolute_minutes),
        session_management_enabled=BoolValue(value=True),
        idle_session_timeout=Int32Value(value=idle) if idle else None,
        idle_session_enabled=BoolValue(value=idle > 0),
        cookie_persistence_type=(
            pb.CookiePersistenceType.PERSISTENT if persistent else pb.CookiePersistenceType.SESSION
        ),
        cookie_same_site_setting=(
            pb.CookieSameSiteSetting.NONE_MODE if none else pb.CookieSameSiteSetting.LAX_MODE
        ),
        cookie_custom_domain=StringValue(value=""),
        access_token_expiry_unit=pb.TimeUnit.MINUTES,
        absolute_session_timeout_unit=pb.TimeUnit.MINUTES,
        idle_session_timeout_unit=pb.TimeUnit.MINUTES,
    )


def _session_texts(
    given: pb.SessionSettings, settings: Settings
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of settings that a request gives, and its fields by their names."""
    _check_constants(given, "session_settings", _SESSION_CONSTANTS)
    if given.client_access_token_expiry is not None:
        raise errors.InvalidArgument.field(
            "session_settings.client_access_token_expiry",
            "unused",
            "is set for each client; use access_token_expiry of the client",
        )
    texts: dict[str, str] = {}
    fields: dict[str, str] = {}

    def set_(name: str, text: str, field: str) -> None:
        texts[name], fields[name] = text, f"session_settings.{field}"

    if given.access_token_expiry is not None:
        minutes = given.access_token_expiry.value * _MINUTES[given.access_token_expiry_unit]
        set_("access_token_minutes", str(minutes), "access_token_expiry")
    if given.absolute_session_timeout is not None:
        unit = _MINUTES[given.absolute_session_timeout_unit]
        minutes = given.absolute_session_timeout.value * unit
        set_("session_absolute_minutes", str(minutes), "absolute_session_timeout")
    enabled = given.idle_session_enabled
    if enabled is not None and not enabled.value:
        set_("session_idle_minutes", "0", "idle_session_enabled")
    elif given.idle_session_timeout is not None:
        minutes = given.idle_session_timeout.value * _MINUTES[given.idle_session_timeout_unit]
        set_("session_idle_minutes", str(minutes), "idle_session_timeout")
    elif enabled is not None and settings.session_idle_minutes == 0:
        raise errors.InvalidArgument.field(
            "session_settings.idle_session_timeout", "required", "is required when enabled"
        )
    if given.cookie_persistence_type:
        persistent = given.cookie_persistence_type == pb.CookiePersistenceType.PERSISTENT
        set_("session_cookie_persistent", str(persistent).lower(), "cookie_persistence_type")
    if given.cookie_same_site_setting:
        none = given.cookie_same_site_setting == pb.CookieSameSiteSetting.NONE_MODE
        set_("session_cookie_same_site", "none" if none else "lax", "cookie_same_site_setting")
    return texts, fields


def _users(settings: Settings) -> pb.UserManagement:
    return pb.UserManagement(
        allow_organization_signup=BoolValue(value=settings.may_sign_up),
        org_user_relationship=pb.OrgUserRelationshipType.MULTIPLE_ORGANIZATIONS,
        invitation_expiry=UInt32Value(value=settings.invitation_days * _DAY),
        block_disposable_email_domains=BoolValue(value=settings.block_disposable_emails),
        block_public_email_domains=BoolValue(value=settings.block_public_emails),
        allow_duplicate_user_identities=BoolValue(value=False),
        allow_multiple_memberships=BoolValue(value=True),
        enable_max_users_limit=BoolValue(value=False),
        enable_bot_detection=BoolValue(value=False),
        enable_fail_open=BoolValue(value=False),
    )


def _user_texts(given: pb.UserManagement) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of settings that a request gives, and its fields by their names."""
    _check_constants(given, "user_management", _USER_CONSTANTS)
    for name, where in (
        ("max_users_limit", "each organization has its own: max_allowed_users"),
        ("sync_user_profile_on_signin", "is a setting of each connection"),
    ):
        if getattr(given, name) is not None:
            raise errors.InvalidArgument.field(f"user_management.{name}", "unused", where)
    if given.org_user_relationship == pb.OrgUserRelationshipType.SINGLE_ORGANIZATION:
        raise errors.InvalidArgument.field(
            "user_management.org_user_relationship",
            "constant",
            "users can belong to several organizations",
        )
    texts: dict[str, str] = {}
    fields: dict[str, str] = {}
    for name, field in (
        ("sign_up", "allow_organization_signup"),
        ("block_disposable_emails", "block_disposable_email_domains"),
        ("block_public_emails", "block_public_email_domains"),
    ):
        switch = getattr(given, field)
        if switch is not None:
            texts[name] = str(switch.value).lower()
            fields[name] = f"user_management.{field}"
    if given.invitation_expiry is not None:
        days, rest = divmod(given.invitation_expiry.value, _DAY)
        fields["invitation_days"] = "user_management.invitation_expiry"
        if rest:
            raise errors.InvalidArgument.field(
                fields["invitation_days"], "multiple", f"must be whole days: {_DAY} minutes each"
            )
        texts["invitation_days"] = str(days)
    return texts, fields


def _check_constants(given: Any, path: str, constants: Mapping[str, bool | str]) -> None:
    for name, value in constants.items():
        wrapped = getattr(given, name)
        if wrapped is not None and wrapped.value != value:
            shown = str(value).lower() if isinstance(value, bool) else "empty"
            raise errors.InvalidArgument.field(
                f"{path}.{name}", "constant", f"is always {shown} here"
            )
