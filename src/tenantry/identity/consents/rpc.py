"""ClientService, of consents: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.clients import resource_clients
from tenantry.access.clients.rpc import messages
from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.clients import clients_pb as pb
from tenantry.identity.consents import listing, service

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.consents.listing import ListedConsent

_SEARCH_MAX = 320


class ConsentService:
    async def get_resource_client(
        self, request: pb.GetResourceClientRequest, call: Call
    ) -> pb.GetResourceClientResponse:
        client, resource = await resource_clients.get(
            call.db, request.resource_id, request.client_id
        )
        call.tag(client.revision)
        consented = await listing.of_client(call, client.id)
        return pb.GetResourceClientResponse(
            client=messages.resource_client(client, resource),
            consented_users=[
                pb.ConsentedUser(
                    consent_id=one.consent.id,
                    external_user_id=one.external_user_id,
                    scopes=list(one.consent.scopes),
                )
                for one in consented
            ],
        )

    async def list_resource_user_consents(
        self, request: pb.ListResourceUserConsentsRequest, call: Call
    ) -> pb.ListResourceUserConsentsResponse:
        if len(request.search) > _SEARCH_MAX:
            raise errors.InvalidArgument.field(
                "search", "string.max_len", f"must be at most {_SEARCH_MAX} characters"
            )
        page = await listing.of_resource(
            call,
            request.resource_id,
            search=request.search.strip(),
            user_ids=request.filter.external_user_id if request.filter else (),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListResourceUserConsentsResponse(
            total_size=page.total_size,
            next_page_token=page.next_page_token,
            consents=[_consent(one) for one in page.items],
            prev_page_token=page.prev_page_token,
        )

    async def revoke_user_consent(
        self, request: pb.RevokeUserConsentRequest, call: Call
    ) -> pb.RevokeUserConsentResponse:
        await service.revoke(call, request.client_id, request.consent_id)
        return pb.RevokeUserConsentResponse()

    async def list_current_agent_consents(
        self, request: pb.ListCurrentAgentConsentsRequest, call: Call
    ) -> pb.ListCurrentAgentConsentsResponse:
        page = await listing.of_user(
            call,
            user_id=call.caller.id,
            organization_id=call.caller.organization_id or "",
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListCurrentAgentConsentsResponse(
            total_size=page.total_size,
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
            consents=[_consent(one) for one in page.items],
        )

    async def revoke_current_agent_consent(
        self, request: pb.RevokeCurrentAgentConsentRequest, call: Call
    ) -> pb.RevokeCurrentAgentConsentResponse:
        await service.revoke_own(
            call,
            request.consent_id,
            user_id=call.caller.id,
            organization_id=call.caller.organization_id or "",
        )
        return pb.RevokeCurrentAgentConsentResponse()


def _consent(listed: ListedConsent) -> pb.ResourceUserConsent:
    consent = listed.consent
    return pb.ResourceUserConsent(
        id=consent.id,
        external_user_id=listed.external_user_id,
        client_id=consent.client_id,
        client_name=listed.client_name,
        scopes=list(consent.scopes),
        granted_at=timestamp(consent.grant_time),
    )
