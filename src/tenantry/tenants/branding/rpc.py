"""The rpcs about the look: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Struct

from tenantry.core import errors, structs
from tenantry.gen.scalekit.v1.commons.commons_pb import OrganizationCustomizations
from tenantry.gen.scalekit.v1.environments import environments_pb as pb
from tenantry.tenants.branding import assets, customization
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.tenants.environment.effective import Effective


class BrandingService:
    """The rpcs of EnvironmentService that are about the look."""

    def __init__(self, effective: Effective) -> None:
        self._effective = effective

    async def get_portal_customization(
        self, request: pb.GetPortalCustomizationRequest, call: Call
    ) -> pb.GetPortalCustomizationResponse:
        if request.id not in {"", "-", call.db.environment_id}:
            raise errors.NotFound("environment")
        settings = self._effective.settings
        answer = pb.GetPortalCustomizationResponse(
            environmentId=call.db.environment_id,
            customization_settings=Struct.from_python(await customization.get(call.db, settings)),
            settings=pb.PortalSettings(
                custom_branding=customization.is_own(settings),
                new_self_serve_sso_scim=True,
                enable_conn_delete=True,
            ),
        )
        bound = call.caller.organization_id
        if bound is not None:
            found = await organizations.get(call, OrganizationIdentifier(bound))
            custom = found.branding is not None and found.branding.custom
            answer.organization_customizations = OrganizationCustomizations(
                organization_logo_branding=settings.organization_branding and custom,
                display_name=found.display_name,
                logo_url=found.logo_url,
            )
        return answer

    async def update_portal_customization(
        self, request: pb.UpdatePortalCustomizationRequest, call: Call
    ) -> pb.UpdatePortalCustomizationResponse:
        if request.id != call.db.environment_id:
            raise errors.NotFound("environment")
        assert request.customization_settings is not None
        given = structs.plain(request.customization_settings, "customization_settings")
        now_ = await customization.replace(call, self._effective, given)
        return pb.UpdatePortalCustomizationResponse(
            environmentId=request.id, customization_settings=Struct.from_python(now_)
        )

    async def create_asset_upload_url(
        self, request: pb.CreateAssetUploadUrlRequest, call: Call
    ) -> pb.CreateAssetUploadUrlResponse:
        if request.id != call.db.environment_id:
            raise errors.NotFound("environment")
        wanted = request.asset_settings
        if wanted is None:
            raise errors.InvalidArgument.field("asset_settings", "required", "is required")
        if wanted.category != pb.AssetCategory.PORTAL_CUSTOMIZATION_IMAGE:
            raise errors.InvalidArgument.field(
                "asset_settings.category", "in", "must be PORTAL_CUSTOMIZATION_IMAGE"
            )
        made = assets.upload(call.db, wanted.extension)
        base = self._effective.given.public_url
        return pb.CreateAssetUploadUrlResponse(
            upload_url=f"{base}{made.upload}", fetch_url=f"{base}{made.fetch}"
        )
