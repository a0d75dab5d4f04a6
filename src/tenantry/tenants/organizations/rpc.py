"""OrganizationService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from orjson import Fragment
from protobuf.wkt import BoolValue, Empty, Int32Value, Struct

from tenantry.core import errors, structs
from tenantry.core.answer import Answer
from tenantry.core.times import proto_json, timestamp
from tenantry.gen.scalekit.v1.commons.commons_pb import RegionCode, TimeUnit
from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb
from tenantry.tenants.organizations import listing, service, session_policies
from tenantry.tenants.organizations.model import (
    FEATURES,
    OPTIONAL_TEXTS,
    ApplicationPolicy,
    Organization,
    SessionPolicy,
    features_of,
    organizations,
)
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from tenantry.call import Call
    from tenantry.db.engine import Row
    from tenantry.db.lists.pages import Page
    from tenantry.tenants.environment.effective import Effective

_MINUTES = {
    TimeUnit.SESSION_TIME_UNIT_UNSPECIFIED: 1,
    TimeUnit.MINUTES: 1,
    TimeUnit.HOURS: 60,
    TimeUnit.DAYS: 24 * 60,
}
_UPDATABLE: tuple[Any, ...] = tuple(field.name for field in pb.UpdateOrganization.desc().fields)
# Optional texts with their positions in a row. Members have the order of the contract's fields: the
# external ID comes before metadata, the others at the end.
_FURTHER = tuple(
    (name, organizations.c.keys().index(name)) for name in OPTIONAL_TEXTS if name != "external_id"
)


class OrganizationService:
    """One async method per rpc; those of portal links are in `portal_links.rpc`."""

    def __init__(
        self,
        effective: Effective,
        *,
        region_code: str,
        dismiss_members: Callable[[Call, str], Awaitable[None]],
    ) -> None:
        self._region = RegionCode[region_code]
        self._effective = effective
        self._dismiss_members = dismiss_members

    async def create_organization(
        self, request: pb.CreateOrganizationRequest, call: Call
    ) -> Answer:
        new = request.organization
        assert new is not None
        if new.region_code not in {RegionCode.UNSPECIFIED, self._region}:
            raise errors.InvalidArgument.field(
                "organization.region_code", "in", f"this deployment holds {self._region.name} data"
            )
        organization = await service.create(
            call,
            region_code=self._region.name,
            display_name=new.display_name,
            metadata=new.metadata,
            **{name: getattr(new, name) for name in OPTIONAL_TEXTS},
        )
        return _answer(call, organization, pb.CreateOrganizationResponse)

    async def update_organization(
        self, request: pb.UpdateOrganizationRequest, call: Call
    ) -> Answer:
        organization = await service.update(call, _identity(request), _changes(request))
        return _answer(call, organization, pb.UpdateOrganizationResponse)

    async def get_organization(self, request: pb.GetOrganizationRequest, call: Call) -> Answer:
        organization = await service.get(call, _identity(request))
        return _answer(call, organization, pb.GetOrganizationResponse)

    async def get_organization_by_external_id(
        self, request: pb.GetOrganizationRequest, call: Call
    ) -> Answer:
        return await self.get_organization(request, call)

    async def list_organization(self, request: pb.ListOrganizationsRequest, call: Call) -> Answer:
        metadata = sorted(
            (name.removeprefix("metadata."), value)
            for name, values in call.extra.items()
            for value in values
        )
        page = await listing.page(
            call,
            listing.Filter(
                external_id=request.external_id if request.has_field("external_id") else None,
                metadata=tuple(metadata),
            ),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return page_of(page, pb.ListOrganizationsResponse)

    async def search_organization(
        self, request: pb.SearchOrganizationsRequest, call: Call
    ) -> Answer:
        page = await listing.page(
            call,
            listing.Filter(query=request.query),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return page_of(page, pb.SearchOrganizationsResponse)

    async def delete_organization(self, request: pb.DeleteOrganizationRequest, call: Call) -> Empty:
        await service.remove(call, _identity(request), self._dismiss_members)
        return Empty()

    async def update_organization_settings(
        self, request: pb.UpdateOrganizationSettingsRequest, call: Call
    ) -> Answer:
        assert request.settings is not None
        features = [(feature.name, feature.enabled) for feature in request.settings.features]
        organization = await service.set_features(call, request.id, features)
        return _answer(call, organization, pb.GetOrganizationResponse)

    async def upsert_user_management_settings(
        self, request: pb.UpsertUserManagementSettingsRequest, call: Call
    ) -> pb.UpsertUserManagementSettingsResponse:
        assert request.settings is not None
        given = request.settings.max_allowed_users
        organization = await service.set_max_allowed_users(
            call, request.organization_id, None if given is None else given.value
        )
        call.tag(organization.revision)
        return pb.UpsertUserManagementSettingsResponse(settings=_user_management(organization))

    async def get_organization_user_management_setting(
        self, request: pb.GetOrganizationUserManagementSettingsRequest, call: Call
    ) -> pb.GetOrganizationUserManagementSettingsResponse:
        organization = await service.get(call, OrganizationIdentifier(request.organization_id))
        call.tag(organization.revision)
        return pb.GetOrganizationUserManagementSettingsResponse(
            settings=_user_management(organization)
        )

    async def update_organization_session_policy(
        self, request: pb.UpdateOrganizationSessionPolicyRequest, call: Call
    ) -> pb.UpdateOrganizationSessionPolicyResponse:
        if request.policy_source == pb.SessionPolicyType.APPLICATION:
            organization = await session_policies.use_application(call, request.organization_id)
        elif request.policy_source == pb.SessionPolicyType.CUSTOM:
            enabled = request.idle_session_timeout_enabled
            organization = await session_policies.set_own(
                call,
                request.organization_id,
                application=ApplicationPolicy.of(self._effective.settings),
                absolute=_minutes(
                    "absolute_session_timeout",
                    request.absolute_session_timeout,
                    request.absolute_session_timeout_unit,
                ),
                idle_enabled=None if enabled is None else enabled.value,
                idle=_minutes(
                    "idle_session_timeout",
                    request.idle_session_timeout,
                    request.idle_session_timeout_unit,
                ),
            )
        else:
            raise errors.InvalidArgument.field(
                "policy_source", "enum.defined_only", "must be APPLICATION or CUSTOM"
            )
        call.tag(organization.revision)
        return pb.UpdateOrganizationSessionPolicyResponse(
            policy=_session_policy(organization.session_policy)
        )

    async def get_organization_session_policy(
        self, request: pb.GetOrganizationSessionPolicyRequest, call: Call
    ) -> pb.GetOrganizationSessionPolicyResponse:
        organization = await service.get(call, OrganizationIdentifier(request.organization_id))
        call.tag(organization.revision)
        return pb.GetOrganizationSessionPolicyResponse(
            policy=_session_policy(organization.session_policy)
        )

    async def get_application_session_policy(
        self, request: pb.GetApplicationSessionPolicyRequest, call: Call
    ) -> pb.GetApplicationSessionPolicyResponse:
        await service.get(call, OrganizationIdentifier(request.organization_id))
        policy = ApplicationPolicy.of(self._effective.settings)
        return pb.GetApplicationSessionPolicyResponse(
            application_policy=pb.ApplicationSessionPolicySettings(
                absolute_session_timeout=policy.absolute,
                absolute_session_timeout_unit=TimeUnit.MINUTES,
                idle_session_timeout_enabled=policy.idle_enabled,
                idle_session_timeout=policy.idle,
                idle_session_timeout_unit=TimeUnit.MINUTES,
                access_token_expiry=policy.access_token,
            )
        )

    async def get_organization_branding(
        self, request: pb.GetOrganizationBrandingRequest, call: Call
    ) -> pb.GetOrganizationBrandingResponse:
        organization = await service.get(call, OrganizationIdentifier(request.organization_id))
        call.tag(organization.revision)
        return pb.GetOrganizationBrandingResponse(branding=_branding(organization))

    async def update_organization_branding(
        self, request: pb.UpdateOrganizationBrandingRequest, call: Call
    ) -> pb.UpdateOrganizationBrandingResponse:
        given = request.customization_settings
        organization = await service.set_branding(
            call,
            request.organization_id,
            custom=request.source == pb.BrandingSource.CUSTOM,
            settings=None if given is None else structs.plain(given, "customization_settings"),
        )
        call.tag(organization.revision)
        return pb.UpdateOrganizationBrandingResponse(branding=_branding(organization))


def to_message(organization: Organization) -> pb.Organization:
    """Return an organization as the contract shows it."""
    created = updated = timestamp(organization.create_time)
    if organization.update_time != organization.create_time:
        updated = timestamp(organization.update_time)
    message = pb.Organization(
        id=organization.id,
        create_time=created,
        update_time=updated,
        display_name=organization.display_name,
        region_code=RegionCode[organization.region_code],
        metadata=organization.metadata,
        settings=_settings(organization.features),
    )
    for name in OPTIONAL_TEXTS:
        value = getattr(organization, name)
        if value is not None:
            setattr(message, name, value)
    return message


def to_members(organization: Organization) -> dict[str, Any]:
    """Return the JSON of `to_message`."""
    members = _members(
        organization.id,
        organization.display_name,
        organization.external_id,
        organization.region_code,
        organization.metadata,
        organization.features,
        organization.create_time,
        organization.update_time,
    )
    for name, _ in _FURTHER:
        value = getattr(organization, name)
        if value is not None:
            members[name] = value
    return members


def row_to_members(row: Row) -> dict[str, Any]:
    """Return `to_members` of a row's organization, without making that: a list has many."""
    # Each by its name: a starred one costs a sixth of it all. Later columns are optional texts.
    id_, name, external_id, _, _, region, own, on, _, _, _, _, created, updated = row[:14]
    # The text is JSON already.
    members = _members(
        id_, name, external_id, region, Fragment(own), features_of(on), created, updated
    )
    for name, position in _FURTHER:
        value = row[position]
        if value is not None:
            members[name] = value
    return members


def _members(*shown: Any) -> dict[str, Any]:
    id_, name, external_id, region, metadata, on, created, updated = shown
    made = changed = proto_json(created)
    if updated != created:
        changed = proto_json(updated)
    members: dict[str, Any] = {
        "id": id_,
        "create_time": made,
        "update_time": changed,
        "display_name": name,
        "region_code": region,
    }
    if external_id is not None:
        members["external_id"] = external_id
    members["metadata"] = metadata
    members["settings"] = {"features": _features(on)}
    return members


def page_of(page: Page[Row], response: type[Any]) -> Answer:
    """Return a page as a response of this kind."""

    def shown(one: Callable[[Row], Any]) -> dict[str, Any]:
        return {
            "next_page_token": page.next_page_token,
            "total_size": page.total_size,
            "organizations": [one(row) for row in page.items],
            "prev_page_token": page.prev_page_token,
        }

    return Answer(lambda: response(**shown(_row_to_message)), lambda: shown(row_to_members))


def _row_to_message(row: Row) -> pb.Organization:
    return to_message(Organization.from_row(row))


# One for each combination of features, shared by all answers; nothing changes it.


@functools.cache
def _features(on: frozenset[str]) -> list[dict[str, Any]]:
    return [{"name": name, "enabled": name in on} for name in FEATURES]


@functools.cache
def _settings(on: frozenset[str]) -> pb.OrganizationSettings:
    return pb.OrganizationSettings(
        features=[pb.OrganizationSettingsFeature(**feature) for feature in _features(on)]
    )


def _answer(call: Call, organization: Organization, response: type[Any]) -> Answer:
    call.tag(organization.revision)
    return Answer(
        lambda: response(organization=to_message(organization)),
        lambda: {"organization": to_members(organization)},
    )


def _identity(request: Any) -> OrganizationIdentifier:
    given = request.identities
    return (
        OrganizationIdentifier()
        if given is None
        else OrganizationIdentifier(**{given.field: given.value})
    )


def _changes(request: pb.UpdateOrganizationRequest) -> dict[str, Any]:
    """Return the members to change: those that are present, or exactly those of the mask."""
    given = request.organization
    assert given is not None
    if request.update_mask is not None and request.update_mask.paths:
        return {name: getattr(given, name) for name in _masked(request.update_mask.paths)}
    changes: dict[str, Any] = {}
    for name in _UPDATABLE:
        value = getattr(given, name)
        if value or given.has_field(name):  # to ask for the presence of one takes a microsecond
            changes[name] = value
    if not given.metadata:
        # A map has no presence: an empty one is "not given".
        changes.pop("metadata", None)
    return changes


def _masked(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        name = path.removeprefix("organization.")
        if name not in _UPDATABLE:
            raise errors.InvalidArgument.field(
                "update_mask",
                "in",
                f"{path[:60]!r} cannot be updated; must be one of {', '.join(_UPDATABLE)}",
            )
        yield name


def _minutes(name: str, timeout: Int32Value | None, unit: TimeUnit) -> int | None:
    if timeout is None:
        return None
    if unit not in _MINUTES:
        raise errors.InvalidArgument.field(
            f"{name}_unit", "enum.defined_only", "must be MINUTES, HOURS or DAYS"
        )
    if timeout.value < 1:
        raise errors.InvalidArgument.field(
            name, "int32.gte", f"must be 1 or more, got {timeout.value}"
        )
    return timeout.value * _MINUTES[unit]


def _session_policy(policy: SessionPolicy | None) -> pb.OrganizationSessionPolicySettings:
    if policy is None:
        return pb.OrganizationSessionPolicySettings(policy_source=pb.SessionPolicyType.APPLICATION)
    message = pb.OrganizationSessionPolicySettings(
        policy_source=pb.SessionPolicyType.CUSTOM,
        absolute_session_timeout=Int32Value(value=policy.absolute),
        absolute_session_timeout_unit=TimeUnit.MINUTES,
        idle_session_timeout_enabled=BoolValue(value=policy.idle is not None),
    )
    if policy.idle is not None:
        message.idle_session_timeout = Int32Value(value=policy.idle)
        message.idle_session_timeout_unit = TimeUnit.MINUTES
    return message


def _user_management(organization: Organization) -> pb.OrganizationUserManagementSettings:
    maximum = organization.max_allowed_users
    return pb.OrganizationUserManagementSettings(
        max_allowed_users=None if maximum is None else Int32Value(value=maximum)
    )


def _branding(organization: Organization) -> pb.OrganizationBranding:
    branding = organization.branding
    if branding is None:
        return pb.OrganizationBranding(source=pb.BrandingSource.ENVIRONMENT)
    return pb.OrganizationBranding(
        source=pb.BrandingSource.CUSTOM if branding.custom else pb.BrandingSource.ENVIRONMENT,
        customization_settings=_struct(branding.settings),
        update_time=timestamp(branding.update_time),
    )


def _struct(plain: dict[str, Any]) -> Struct:
    return Struct.from_json(json.dumps(plain))
