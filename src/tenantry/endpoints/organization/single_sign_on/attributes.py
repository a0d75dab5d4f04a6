"""The names by which a provider sends what a profile has, and the mapping of those that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization.single_sign_on.connection import Subject
from tenantry.gen.tenantry.v1.single_sign_on_pb import (
    AttributeMapping,
    ConnectionSettings,
    UpdateConnectionSettingsRequest,
)
from tenantry.tenants.user_attributes import reading
from tenantry.tenants.user_attributes.model import SSO, STANDARD_KEYS
from tenantry.web.forms import uploads

if TYPE_CHECKING:
    from tenantry.endpoints.organization.single_sign_on.connection import ConnectionView
    from tenantry.endpoints.organization.visit import Visit
    from tenantry.net.http import Response
    from tenantry.tenants.user_attributes.model import UserAttribute

_NAMES_OF_OIDC = {"email": "email", "given_name": "given_name", "family_name": "family_name"}


@dataclass(frozen=True, slots=True)
class Row:
    """A member of the profile: its key, the product's label for it, its usual name, its mapping."""

    key: str
    label: str
    usual: str
    mapped: str
    required: bool


class Attributes(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show the mapping."""
        connection = await self.load(visit)
        return self.render(
            visit, connection, "attributes", rows=rows_of(connection, await custom(visit))
        )

    async def save(self, visit: Visit) -> Response:
        """Take the whole mapping; members that are left empty have their usual names."""
        form = (await uploads.read(visit.request)).members
        path = self.path(visit, "attributes")
        keys = [*STANDARD_KEYS, *(one.key for one in await custom(visit))]
        given = {
            key: form[f"to-{key}"].strip() for key in keys if form.get(f"to-{key}", "").strip()
        }
        request = UpdateConnectionSettingsRequest(
            connection_id=visit.request.params["id"],
            settings=ConnectionSettings(attribute_mapping=AttributeMapping(attributes=given)),
        )
        field = "settings.attribute_mapping.attributes"
        fields = {f'{field}["{key}"]': f"to-{key}" for key in given}
        try:
            await visit.api.single_sign_on.update_connection_settings(request)
        except errors.InvalidArgument as problem:
            return self.refused(visit, problem, path, fields, form)
        return self.site.done(path, "sso_saved")


async def custom(visit: Visit) -> list[UserAttribute]:
    """Return the attributes of the product's own that single sign-on fills."""
    return [one for one in await reading.of_kind(visit.call.db, SSO) if one.enabled]


def rows_of(connection: ConnectionView, further: list[UserAttribute]) -> list[Row]:
    """Return the profile's attributes: the standard ones, then those of the product."""
    mapping = connection.message.attribute_mapping
    usual = _NAMES_OF_OIDC if not connection.is_saml else {}
    usual = usual | {one.key: one.name for step in connection.steps for one in step.attributes}
    own = [
        Row(key, "", usual.get(key, ""), mapping.get(key, ""), key == "email")
        for key in STANDARD_KEYS
    ]
    return own + [
        Row(one.key, one.label, name_of(connection, one), mapping.get(one.key, ""), one.required)
        for one in further
    ]


def name_of(connection: ConnectionView, attribute: UserAttribute) -> str:
    """Return the name by which a provider sends an attribute of the product's own."""
    default = (
        attribute.default_saml_mapping if connection.is_saml else attribute.default_oidc_mapping
    )
    return default or attribute.key
