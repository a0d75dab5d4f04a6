"""UserAttributeService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf import Oneof
from protobuf.wkt import Empty

from tenantry.core import errors
from tenantry.gen.scalekit.v1.user_attributes import user_attributes_pb as pb
from tenantry.tenants.user_attributes import service
from tenantry.tenants.user_attributes.model import DIRECTORY, SSO
from tenantry.tenants.user_attributes.service import AttributeInput

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.tenants.user_attributes.model import UserAttribute


class UserAttributeService:
    async def create_sso_user_attribute(
        self, request: pb.CreateUserAttributeRequest, call: Call
    ) -> pb.CreateUserAttributeResponse:
        made = await service.create(call, SSO, _given(request.user_attribute, SSO))
        return pb.CreateUserAttributeResponse(user_attribute=_message(made))

    async def list_sso_user_attributes(
        self, _request: Empty, call: Call
    ) -> pb.ListUserAttributesResponse:
        found = await service.list_all(call.db, SSO)
        return pb.ListUserAttributesResponse(user_attributes=[_message(one) for one in found])

    async def update_sso_user_attribute(
        self, request: pb.UpdateUserAttributeRequest, call: Call
    ) -> pb.UpdateUserAttributeResponse:
        after = await service.change(call, SSO, request.key, _given(request.user_attribute, SSO))
        return pb.UpdateUserAttributeResponse(user_attribute=_message(after))

    async def delete_sso_user_attribute(
        self, request: pb.DeleteUserAttributeRequest, call: Call
    ) -> Empty:
        await service.remove(call, SSO, request.key)
        return Empty()

    async def create_directory_user_attribute(
        self, request: pb.CreateUserAttributeRequest, call: Call
    ) -> pb.CreateUserAttributeResponse:
        made = await service.create(call, DIRECTORY, _given(request.user_attribute, DIRECTORY))
        return pb.CreateUserAttributeResponse(user_attribute=_message(made))

    async def list_directory_user_attributes(
        self, _request: Empty, call: Call
    ) -> pb.ListUserAttributesResponse:
        found = await service.list_all(call.db, DIRECTORY)
        return pb.ListUserAttributesResponse(user_attributes=[_message(one) for one in found])

    async def update_directory_user_attribute(
        self, request: pb.UpdateUserAttributeRequest, call: Call
    ) -> pb.UpdateUserAttributeResponse:
        given = _given(request.user_attribute, DIRECTORY)
        after = await service.change(call, DIRECTORY, request.key, given)
        return pb.UpdateUserAttributeResponse(user_attribute=_message(after))

    async def delete_directory_user_attribute(
        self, request: pb.DeleteUserAttributeRequest, call: Call
    ) -> Empty:
        await service.remove(call, DIRECTORY, request.key)
        return Empty()


_INFO = {SSO: "sso_addition_info", DIRECTORY: "directory_user_additional_info"}


def _given(attribute: pb.UserAttribute | None, kind: str) -> AttributeInput:
    assert attribute is not None
    info = attribute.additional_info
    if info is not None and info.field != _INFO[kind]:
        raise errors.InvalidArgument.field(
            f"user_attribute.{info.field}", "oneof", "applies to the other type of attribute"
        )
    mappings: dict[str, str] = {}
    if info is not None and isinstance(info.value, pb.SSOUserAdditionInfo):
        mappings = {
            "default_saml_mapping": info.value.default_saml_mapping,
            "default_oidc_mapping": info.value.default_oidc_mapping,
        }
    return AttributeInput(
        key=attribute.key,
        label=attribute.label,
        datatype=attribute.datatype.name,
        enabled=attribute.enabled,
        required=attribute.required,
        **mappings,
    )


def _message(attribute: UserAttribute) -> pb.UserAttribute:
    info: Oneof[Any, Any]
    if attribute.kind == SSO:
        info = Oneof(
            "sso_addition_info",
            pb.SSOUserAdditionInfo(
                default_saml_mapping=attribute.default_saml_mapping,
                default_oidc_mapping=attribute.default_oidc_mapping,
            ),
        )
    else:
        info = Oneof("directory_user_additional_info", pb.DirectoryUserAdditionalInfo())
    return pb.UserAttribute(
        key=attribute.key,
        enabled=attribute.enabled,
        required=attribute.required,
        label=attribute.label,
        datatype=pb.UserAttributeDatatype[attribute.datatype],
        category=pb.UserAttributeCategory[attribute.category],
        additional_info=info,
    )
