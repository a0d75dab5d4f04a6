"""A polled directory: its service account, set, looked at and forgotten; and a sync by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.crypto.vault import WrongKey
from tenantry.tenants.directories import registry
from tenantry.tenants.directories.model import POLL, Directory
from tenantry.tenants.directories.polling import polls, service_accounts
from tenantry.tenants.directories.polling.workspace import Problem, StalePage

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.tenants.directories.polling.service_accounts import ServiceAccount
    from tenantry.tenants.directories.polling.workspace import Listed, Workspace

_NO_CREDENTIALS = "directory has no credentials: set a service account key first"


async def ask(workspace: Workspace, account: ServiceAccount) -> str:
    """Return why the provider does not answer to an account, as a sentence; "" where it does."""
    try:
        await workspace.groups(account, page_size=1)
        await workspace.users(account, page_size=1)
    except Problem as problem:
        return str(problem)
    return ""


async def external_groups(
    call: Call, workspace: Workspace, directory: Directory, *, page_size: int, page_token: str
) -> Listed:
    """Return a page of the groups that the provider has; its token is the provider's."""
    account = account_of(call, directory)
    if account is None:
        raise errors.InvalidArgument(_NO_CREDENTIALS)
    try:
        return await workspace.groups(account, page_token, page_size=page_size)
    except StalePage:
        raise errors.InvalidArgument.field(
            "page_token", "page_token", "must be a page token that the provider returned"
        ) from None
    except Problem as problem:
        raise errors.InvalidArgument(str(problem)) from None


async def put(
    call: Call, organization_id: str, directory_id: str, account: ServiceAccount, *, error: str
) -> Directory:
    """Have a directory be polled by an account, from now on.

    ``error`` is what `ask` said of it.
    """
    async with call.db.transaction() as db:
        before = await registry.hold(call, db, organization_id, directory_id, for_source=True)
        _check(before)
        after = replace(
            before,
            email=account.subject,
            credentials=account.encrypted(db.vault, before),
            poll=None,
            poll_time=now(),
            error=error,
        )
        return await registry.save(call, db, before, after, "updated")


async def remove(call: Call, organization_id: str, directory_id: str) -> None:
    """Forget the account of a directory; it is polled no more."""
    async with call.db.transaction() as db:
        before = await registry.hold(call, db, organization_id, directory_id)
        _check(before)
        if before.credentials is None:
            raise errors.NotFound("credentials")
        after = replace(before, email="", credentials=None, poll=None, poll_time=None, error="")
        await registry.save(call, db, before, after, "updated")


async def get(call: Call, organization_id: str, directory_id: str) -> Directory:
    found = await registry.get(call, organization_id, directory_id)
    _check(found)
    return found


async def sync_now(call: Call, organization_id: str, directory_id: str) -> None:
    """Have a directory be polled as soon as a worker can.

    That confirms what the last poll would have removed, and did not because it was so much.
    """
    async with call.db.transaction() as db:
        before = await registry.hold(call, db, organization_id, directory_id)
        _check(before)
        if not before.enabled:
            raise errors.InvalidArgument("directory is disabled: enable it first")
        if before.credentials is None:
            raise errors.InvalidArgument(_NO_CREDENTIALS)
        poll = polls.confirmed(before.poll)
        await registry.write(db, replace(before, poll=poll, poll_time=now()))


def account_of(call: Call, directory: Directory) -> ServiceAccount | None:
    """Return the account of a directory; None without one that can be read."""
    if directory.credentials is None:
        return None
    try:
        return service_accounts.decrypted(call.db.vault, directory)
    except WrongKey:
        return None


def _check(directory: Directory) -> None:
    if directory.directory_type != POLL:
        raise errors.InvalidArgument.field(
            "directory_id",
            "directory_type",
            "must be a POLL directory; SCIM directories are updated by their identity provider",
        )
