"""Domains that an organization proves to own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization.visit import OrganizationSite, Page, Visit
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.domains.domains_pb import DomainType
from tenantry.tenants.domains import service
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import DOMAINS, SSO

if TYPE_CHECKING:
    from tenantry.net.http import Response

# Sentences about a domain that was not taken, by the rule that it breaks.
_BROKEN = {"not_public": "domains.public", "string.max_len": "domains.too_long"}


def pages(site: OrganizationSite) -> list[Page]:
    subject = _Domains(site)
    return [
        Page("GET", "", subject.show, DOMAINS),
        Page("POST", "/add", subject.add, DOMAINS),
        Page("POST", "/{id}/verify", subject.verify, DOMAINS),
        Page("POST", "/{id}/delete", subject.delete, DOMAINS),
    ]


class _Domains:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the domains, each with its record and its state."""
        asked = visit.query("page_token")
        number = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) <= 3 else 0
        # Not by the API, which does not tell when a record is looked for next.
        page = await service.page(
            visit.call,
            OrganizationIdentifier(visit.organization.id),
            domain_type=ORGANIZATION_DOMAIN,
            size=service.DEFAULT_PAGE,
            number=number,
        )
        return self._site.render(
            visit,
            DOMAINS,
            "domains.html",
            domains=page.domains,
            previous=str(number - 1) if number else "",
            next=str(number + 1) if len(page.domains) == page.size else "",
            sign_on=visit.path(SSO) if visit.sees(SSO) else "",
        )

    async def add(self, visit: Visit) -> Response:
        """Claim a domain."""
        typed = visit.request.form().get("domain", "").strip()
        request = domains_pb.CreateDomainRequest(
            identities=visit.identities,
            domain=domains_pb.CreateDomain(
                domain=typed, domain_type=DomainType.ORGANIZATION_DOMAIN
            ),
        )
        try:
            await visit.api.domains.create_domain(request)
        except (errors.InvalidArgument, errors.Duplicate) as problem:
            return self._failed(visit, "domain", _said(problem), typed)
        return self._site.done(visit.path(DOMAINS), "domain_added")

    async def verify(self, visit: Visit) -> Response:
        """Look for the record of a domain now."""
        domain_id = visit.request.params["id"]
        request = domains_pb.VerifyDomainRequest(identities=visit.identities, id=domain_id)
        try:
            answer = await visit.api.domains.verify_domain(request)
        except errors.InvalidArgument as problem:
            if problem.violations:
                raise  # the id is malformed: no claim is over
            return self._failed(visit, domain_id, "domains.over")
        if not answer.verified:
            return self._failed(visit, domain_id, "domains.not_found")
        return self._site.done(visit.path(DOMAINS), "domain_verified")

    async def delete(self, visit: Visit) -> Response:
        """Give a domain up."""
        await visit.api.domains.delete_domain(
            domains_pb.DeleteDomainRequest(
                identities=visit.identities,
                id=visit.request.params["id"],
            )
        )
        return self._site.done(visit.path(DOMAINS), "domain_deleted")

    def _failed(self, visit: Visit, place: str, key: str, typed: str = "") -> Response:
        problems = Problems({place: key}, {"domain": typed} if typed else {})
        return self._site.failed(visit.request, problems, visit.path(DOMAINS))


def _said(problem: errors.Error) -> str:
    if isinstance(problem, errors.Duplicate):
        return "domains.taken"
    rules = [violation.constraint for violation in problem.violations]
    if not rules:
        return "domains.too_many"
    return next((_BROKEN[rule] for rule in rules if rule in _BROKEN), "domains.malformed")
