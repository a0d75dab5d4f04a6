"""The domains of an organization, as pages need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from protobuf import Oneof
from protobuf.wkt import Int32Value

from tenantry.gen.scalekit.v1.domains.domains_pb import (
    DomainType,
    ListDomainRequest,
    VerificationStatus,
)

if TYPE_CHECKING:
    from tenantry.api.in_process import InProcessClient

_VERIFIED = {VerificationStatus.VERIFIED, VerificationStatus.AUTO_VERIFIED}


async def has_verified(api: InProcessClient, organization_id: str) -> bool:
    """Whether an organization has a verified domain, by which its connections are found."""
    owner: Oneof[Literal["organization_id"], str] = Oneof("organization_id", organization_id)
    answer = await api.domains.list_domains(
        ListDomainRequest(
            identities=owner,
            domain_type=DomainType.ORGANIZATION_DOMAIN,
            page_size=Int32Value(value=100),
        )
    )
    return any(one.verification_status in _VERIFIED for one in answer.domains)
