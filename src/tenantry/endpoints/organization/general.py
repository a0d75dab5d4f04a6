"""An organization's name and logo, and the domains whose people may join by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from protobuf import Oneof

from tenantry.core import errors
from tenantry.endpoints.organization.visit import OrganizationSite, Page, Visit
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.domains.domains_pb import DomainType
from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
    UpdateOrganization,
    UpdateOrganizationRequest,
)
from tenantry.tenants.branding import assets, pictures
from tenantry.web.forms import uploads
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import GENERAL

if TYPE_CHECKING:
    from tenantry.net.http import Response

_FIELDS = {
    "organization.display_name": "display_name",
    "organization.logo_url": "logo_url",
    "display_name": "display_name",
    "logo_url": "logo_url",
    "domain.domain": "domain",
}


def pages(site: OrganizationSite) -> list[Page]:
    subject = _General(site)
    return [
        Page("GET", "", subject.show, GENERAL),
        # More than a picture may have, so that one that is too large is told beside its field.
        Page("POST", "/save", subject.save, GENERAL, body_limit=3 * pictures.MAX_BYTES),
        Page("POST", "/domains", subject.add_domain, GENERAL),
        Page("POST", "/domains/{id}/remove", subject.remove_domain, GENERAL),
    ]


class _General:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        listed = await visit.api.domains.list_domains(
            domains_pb.ListDomainRequest(
                identities=visit.identities,
                domain_type=DomainType.ALLOWED_EMAIL_DOMAIN,
            )
        )
        ours = f"{self._site.public_url}{assets.PATH}"
        logo = visit.organization.logo_url or ""
        return self._site.render(
            visit,
            GENERAL,
            "general.html",
            domains=listed.domains,
            # A local URL: the policy of the page lets a browser load no other.
            shown=logo.removeprefix(self._site.public_url) if logo.startswith(ours) else "",
        )

    async def save(self, visit: Visit) -> Response:
        """Change the name and the logo, which may be a picture that comes along."""
        form, path = await uploads.read(visit.request), visit.path(GENERAL)
        given = {name: form.members.get(name, "").strip() for name in ("display_name", "logo_url")}
        if not given["display_name"]:  # to the API that is no change
            problem = errors.InvalidArgument.field("display_name", "required", "is required")
            return self._site.wrong(visit, problem, path, _FIELDS, given)
        picture = form.files.get("logo")
        if picture is not None:
            try:
                kept = await self._keep(visit, picture.content)
            except errors.InvalidArgument as problem:
                said = "general.no_picture"
                if len(picture.content) > pictures.MAX_BYTES:
                    said = "general.too_large"
                elif any(one.constraint == "most" for one in problem.violations):
                    said = "general.too_many"
                problems = Problems({"logo": said}, given)
                return self._site.failed(visit.request, problems, path)
            given["logo_url"] = f"{self._site.public_url}{kept}"
        organization_id: Oneof[Literal["id"], str] = Oneof("id", visit.organization.id)
        request = UpdateOrganizationRequest(
            identities=organization_id,
            organization=UpdateOrganization(
                display_name=given["display_name"], logo_url=given["logo_url"]
            ),
        )
        try:
            await visit.api.organizations.update_organization(request)
        except errors.Error as problem:
            return self._site.wrong(visit, problem, path, _FIELDS, given)
        return self._site.done(path, "saved")

    async def _keep(self, visit: Visit, content: bytes) -> str:
        return await assets.store(
            visit.call,
            content,
            given=self._site.context.effective.given,
            organization_id=visit.organization.id,
        )

    async def add_domain(self, visit: Visit) -> Response:
        """Let people of a domain join."""
        domain, path = visit.request.form().get("domain", "").strip(), visit.path(GENERAL)
        request = domains_pb.CreateDomainRequest(
            identities=visit.identities,
            domain=domains_pb.CreateDomain(
                domain=domain, domain_type=DomainType.ALLOWED_EMAIL_DOMAIN
            ),
        )
        try:
            await visit.api.domains.create_domain(request)
        except errors.Error as problem:
            fields = {"domain": "domain"} | _FIELDS
            return self._site.wrong(visit, problem, path, fields, {"domain": domain})
        return self._site.done(path, "joining_allowed")

    async def remove_domain(self, visit: Visit) -> Response:
        """Let people of a domain join no more."""
        id_ = visit.request.params["id"]
        found = await visit.api.domains.get_domain(
            domains_pb.GetDomainRequest(identities=visit.identities, id=id_)
        )
        assert found.domain is not None
        if found.domain.domain_type is not DomainType.ALLOWED_EMAIL_DOMAIN:
            raise errors.NotFound("domain")
        await visit.api.domains.delete_domain(
            domains_pb.DeleteDomainRequest(identities=visit.identities, id=id_)
        )
        return self._site.done(visit.path(GENERAL), "domain_removed")
