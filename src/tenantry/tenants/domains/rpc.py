"""DomainService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf.wkt import Empty

from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.domains import domains_pb as pb
from tenantry.tenants.domains import service
from tenantry.tenants.domains.model import ALLOWED_EMAIL_DOMAIN, ORGANIZATION_DOMAIN, Domain
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tenantry.call import Call
    from tenantry.tenants.domains.verification import Resolver

_TYPES = {
    pb.DomainType.UNSPECIFIED: None,
    pb.DomainType.ORGANIZATION_DOMAIN: ORGANIZATION_DOMAIN,
    pb.DomainType.ALLOWED_EMAIL_DOMAIN: ALLOWED_EMAIL_DOMAIN,
}


class DomainService:
    def __init__(
        self,
        resolver: Resolver,
        framing: Callable[[], Awaitable[Sequence[str]]],
        *,
        txt_label: str,
    ) -> None:
        self._resolver = resolver
        self._framing = framing
        self._txt_label = txt_label

    async def create_domain(
        self, request: pb.CreateDomainRequest, call: Call
    ) -> pb.CreateDomainResponse:
        if request.domain is None:
            raise errors.InvalidArgument.field("domain", "required", "is required")
        domain = await service.create(
            call,
            _identity(request),
            domain=request.domain.domain,
            domain_type=_type(request.domain.domain_type, "domain.domain_type")
            or ORGANIZATION_DOMAIN,
            txt_label=self._txt_label,
        )
        return pb.CreateDomainResponse(domain=_answer(call, domain))

    async def get_domain(self, request: pb.GetDomainRequest, call: Call) -> pb.GetDomainResponse:
        domain = await service.get(call, _identity(request), request.id)
        return pb.GetDomainResponse(domain=_answer(call, domain))

    async def delete_domain(self, request: pb.DeleteDomainRequest, call: Call) -> Empty:
        await service.remove(call, _identity(request), request.id)
        return Empty()

    async def list_domains(
        self, request: pb.ListDomainRequest, call: Call
    ) -> pb.ListDomainResponse:
        size, number = request.page_size, request.page_number
        page = await service.page(
            call,
            _identity(request),
            domain_type=_type(request.domain_type, "domain_type"),
            size=0 if size is None else size.value,
            number=0 if number is None else number.value,
        )
        return pb.ListDomainResponse(
            page_size=page.size,
            page_number=page.number,
            domains=[_message(call, domain) for domain in page.domains],
        )

    async def update_domain(
        self, request: pb.UpdateDomainRequest, call: Call
    ) -> pb.UpdateDomainResponse:
        domain = await service.update(call, _identity(request), request.id)
        return pb.UpdateDomainResponse(domain=_answer(call, domain))

    async def verify_domain(
        self, request: pb.VerifyDomainRequest, call: Call
    ) -> pb.VerifyDomainResponse:
        verified = await service.verify(call, _identity(request), request.id, self._resolver)
        return pb.VerifyDomainResponse(verified=verified)

    async def list_authorized_domains(
        self, _request: pb.ListAuthorizedDomainRequest, _call: Call
    ) -> pb.ListAuthorizedDomainResponse:
        # They are the same on every page, and before a link is opened.
        return pb.ListAuthorizedDomainResponse(domains=list(await self._framing()))


def _identity(request: Any) -> OrganizationIdentifier:
    given = request.identities
    if given is None:
        raise errors.InvalidArgument.field(
            "organization_id", "required", "organization_id or external_id is required"
        )
    if given.field == "organization_id":
        return OrganizationIdentifier(given.value)
    return OrganizationIdentifier(external_id=given.value)


def _type(value: pb.DomainType, field: str) -> str | None:
    if value not in _TYPES:
        raise errors.InvalidArgument.field(
            field, "enum.defined_only", "must be ORGANIZATION_DOMAIN or ALLOWED_EMAIL_DOMAIN"
        )
    return _TYPES[value]


def _answer(call: Call, domain: Domain) -> pb.Domain:
    call.tag(domain.revision)
    return _message(call, domain)


def _message(call: Call, domain: Domain) -> pb.Domain:
    return pb.Domain(
        id=domain.id,
        domain=domain.domain,
        environment_id=call.db.environment_id,
        organization_id=domain.organization_id,
        txt_record_key=domain.txt_record_key,
        txt_record_secret=domain.txt_record_secret,
        verification_status=pb.VerificationStatus[domain.verification_status],
        verification_method=pb.VerificationMethod[domain.verification_method],
        create_time=timestamp(domain.create_time),
        update_time=timestamp(domain.update_time),
        domain_type=pb.DomainType[domain.domain_type],
    )
