"""DirectoryPollingService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.core.times import timestamp
from tenantry.gen.tenantry.v1 import directory_polling_pb as pb
from tenantry.tenants.directories.model import SELECTED
from tenantry.tenants.directories.polling import polls, service, service_accounts
from tenantry.tenants.directories.polling.polls import Poll
from tenantry.tenants.directories.polling.workspace import Workspace

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.net.outgoing import Outgoing
    from tenantry.settings import Settings
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.polling.service_accounts import ServiceAccount


class DirectoryPollingService:
    def __init__(self, settings: Settings, outgoing: Outgoing) -> None:
        self._workspace = Workspace(outgoing, settings.google_workspace_url)

    async def before_set_directory_credentials(
        self, request: pb.SetDirectoryCredentialsRequest, call: Call
    ) -> None:
        await service.get(call, request.organization_id, request.directory_id)
        account = service_accounts.read(request.service_account_key, subject=request.email)
        call.found = account, await service.ask(self._workspace, account)

    async def set_directory_credentials(
        self, request: pb.SetDirectoryCredentialsRequest, call: Call
    ) -> pb.SetDirectoryCredentialsResponse:
        account, error = call.found
        await service.put(call, request.organization_id, request.directory_id, account, error=error)
        return pb.SetDirectoryCredentialsResponse(credentials=_to_message(account), error=error)

    async def get_directory_poll(
        self, request: pb.GetDirectoryPollRequest, call: Call
    ) -> pb.GetDirectoryPollResponse:
        found = await service.get(call, request.organization_id, request.directory_id)
        account = service.account_of(call, found)
        poll = pb.DirectoryPoll(under_way=Poll.of(found).step != polls.IDLE, error=found.error)
        if found.enabled and account is not None and found.poll_time is not None:
            poll.next_time = timestamp(found.poll_time)
        if found.last_sync_time is not None:
            poll.last_sync_time = timestamp(found.last_sync_time)
        answer = pb.GetDirectoryPollResponse(poll=poll, groups=_followed(found))
        if account is not None:
            answer.credentials = _to_message(account)
        return answer

    async def delete_directory_credentials(
        self, request: pb.DeleteDirectoryCredentialsRequest, call: Call
    ) -> Empty:
        await service.remove(call, request.organization_id, request.directory_id)
        return Empty()


def _followed(directory: Directory) -> list[pb.FollowedGroup]:
    if directory.groups_tracked != SELECTED:
        return []
    names = ("external_id", "display_name", "email")
    return [
        pb.FollowedGroup(**{name: one.get(name, "") for name in names})
        for one in directory.external_groups
    ]


def _to_message(account: ServiceAccount) -> pb.DirectoryCredentials:
    return pb.DirectoryCredentials(
        email=account.subject,
        client_email=account.client_email,
        client_id=account.client_id,
        private_key_id=account.private_key_id,
        scopes=list(service_accounts.SCOPES),
    )
