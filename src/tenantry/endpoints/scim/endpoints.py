"""Users and groups as the endpoints of a directory: changes of them, and how they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from tenantry.tenants.directories.resources import groups, people, searching
from tenantry.tenants.directories.scim import patches, resources
from tenantry.tenants.directories.scim.schemas import GROUP, USER, fold
from tenantry.tenants.directories.scim.selections import USUAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from tenantry.endpoints.scim.exchanges import Exchange
    from tenantry.tenants.directories.model import DirectoryGroup, DirectoryUser, Member
    from tenantry.tenants.directories.resources.groups import Changed
    from tenantry.tenants.directories.resources.searching import Found, Query
    from tenantry.tenants.directories.scim.selections import Selection

# Members that an answer shows in one piece; more are read and sent page by page.
INLINE_MEMBERS = 1000


class Users:
    """People. The answer to a PATCH shows the person: Microsoft Entra ID wants it."""

    name = "User"
    path = "Users"
    patched = 200  # status of the answer to a PATCH

    async def create(self, x: Exchange, payload: dict[str, Any]) -> DirectoryUser:
        document = resources.read_user(payload, custom=x.custom)
        x.resource_id = fold(document["userName"])
        user = await people.create(x.call, x.directory, document)
        x.resource_id = user.id
        return user

    async def get(self, x: Exchange, id_: str) -> DirectoryUser:
        return await people.get(x.call.db, x.directory, id_)

    async def replace(self, x: Exchange, id_: str, payload: dict[str, Any]) -> DirectoryUser:
        document = resources.read_user(payload, custom=x.custom)
        return await people.replace(x.call, x.directory, id_, document)

    async def patch(self, x: Exchange, id_: str, payload: dict[str, Any]) -> DirectoryUser:
        operations = patches.parse(payload)
        return await people.patch(x.call, x.directory, id_, operations, custom=x.custom)

    async def remove(self, x: Exchange, id_: str) -> None:
        await people.remove(x.call, x.directory, id_)

    async def search(self, x: Exchange, query: Query) -> Found[DirectoryUser]:
        return await searching.users(x.call.db, x.directory, query)

    def members(self, _records: Iterable[DirectoryUser], _selection: Selection) -> int:
        return 0

    async def representations(
        self, x: Exchange, records: Sequence[DirectoryUser], selection: Selection
    ) -> list[dict[str, Any]]:
        return [
            resources.represent(
                USER,
                user.document,
                id=user.id,
                meta=_meta(x, self, user),
                groups=[
                    _reference(f"{x.base}/Groups", group_id, name, "direct")
                    for group_id, name in user.groups or ()
                ],
                selection=selection,
            )
            for user in records
        ]


class Groups:
    """Groups. A PATCH of one is answered without a body: Microsoft Entra ID wants it."""

    name = "Group"
    path = "Groups"
    patched = 204

    async def create(self, x: Exchange, payload: dict[str, Any]) -> DirectoryGroup:
        changed = await groups.create(x.call, x.directory, resources.read_group(payload))
        x.resource_id = changed.group.id
        return _taken(x, changed)

    async def get(self, x: Exchange, id_: str) -> DirectoryGroup:
        return await groups.get(x.call.db, x.directory, id_)

    async def replace(self, x: Exchange, id_: str, payload: dict[str, Any]) -> DirectoryGroup:
        group = resources.read_group(payload)
        return _taken(x, await groups.replace(x.call, x.directory, id_, group))

    async def patch(self, x: Exchange, id_: str, payload: dict[str, Any]) -> DirectoryGroup:
        operations = patches.parse(payload)
        return _taken(x, await groups.patch(x.call, x.directory, id_, operations))

    async def remove(self, x: Exchange, id_: str) -> None:
        await groups.remove(x.call, x.directory, id_)

    async def search(self, x: Exchange, query: Query) -> Found[DirectoryGroup]:
        return await searching.groups(x.call.db, x.directory, query)

    def members(self, records: Iterable[DirectoryGroup], selection: Selection) -> int:
        """Return how many members an answer with these groups has to show."""
        return sum(g.member_count for g in records) if selection.wants("members") else 0

    async def representations(
        self, x: Exchange, records: Sequence[DirectoryGroup], selection: Selection
    ) -> list[dict[str, Any]]:
        """Return groups as they are answered; they have `INLINE_MEMBERS` at most to show."""
        of: dict[str, list[Member]] = {}
        if self.members(records, selection):
            ids = [group.id for group in records]
            of = await groups.members_of_groups(x.call.db, x.directory, ids)
        return [
            self.represented(x, group, _members(x, of.get(group.id, ())), selection)
            for group in records
        ]

    def represented(
        self,
        x: Exchange,
        group: DirectoryGroup,
        members: Sequence[dict[str, Any]],
        selection: Selection,
    ) -> dict[str, Any]:
        """Return one group with these members as it is answered."""
        return resources.represent(
            GROUP,
            group.document,
            id=group.id,
            meta=_meta(x, self, group),
            members=members,
            selection=selection,
        )

    async def pages_of_members(
        self, x: Exchange, group: DirectoryGroup, selection: Selection
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the members of a group as they are answered, page by page."""
        after = ""
        while page := await groups.members_of(
            x.call.db, x.directory, group.id, after=after, take=INLINE_MEMBERS
        ):
            shown = _members(x, page)
            if selection is not USUAL:
                shown = selection.apply({"members": shown}).get("members", [])
            yield shown
            after = page[-1].id


Endpoint: TypeAlias = Users | Groups
USERS, GROUPS = Users(), Groups()
ENDPOINTS: dict[str, Endpoint] = {"users": USERS, "groups": GROUPS}
_LONGEST_ID = 100


def is_id(text: str) -> bool:
    """Whether a text may be the id of a resource: the database need not look for any other."""
    return len(text) <= _LONGEST_ID and text.isascii() and text.isprintable()


def location(x: Exchange, endpoint: Endpoint, id_: str) -> str:
    return f"{x.base}/{endpoint.path}/{id_}"


def _meta(x: Exchange, endpoint: Endpoint, record: Any) -> dict[str, Any]:
    return resources.meta(
        endpoint.name,
        location=location(x, endpoint, record.id),
        create_time=record.create_time,
        update_time=record.update_time,
        revision=record.revision,
    )


def _members(x: Exchange, members: Iterable[Member]) -> list[dict[str, Any]]:
    return [_reference(f"{x.base}/Users", one.id, one.display, "User") for one in members]


def _reference(base: str, id_: str, display: str, type_: str) -> dict[str, str]:
    """Return a group of a user, or a member of a group (RFC 7643 sections 4.1.2 and 4.2)."""
    return {"value": id_, "$ref": f"{base}/{id_}", "display": display, "type": type_}


def _taken(x: Exchange, changed: Changed) -> DirectoryGroup:
    x.skip("member", changed.skipped)
    return changed.group
