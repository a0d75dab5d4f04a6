"""Listing consents: of a resource, or of a user; newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, or_, select

from tenantry.access.clients.model import clients
from tenantry.access.resources.model import resources
from tenantry.core import errors
from tenantry.db.lists import pages
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.consents.model import Consent, consents
from tenantry.net import email_addresses
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row

MAX_PAGE = 30  # by the contract

_c, _cl, _r, _u = consents.c, clients.c, resources.c, users.c


@dataclass(frozen=True, slots=True)
class ListedConsent:
    """A consent, and the names of the user, the client and the resource."""

    consent: Consent
    external_user_id: str  # the user ID where the user has no external ID
    client_name: str
    resource_name: str
    email: str

    @classmethod
    def from_row(cls, row: Row) -> ListedConsent:
        return cls(
            Consent.from_row(row),
            row["external_id"] or row["user_id"],
            row["client_name"],
            row["resource_name"],
            row["email"],
        )


async def of_resource(
    call: Call,
    resource_id: str,
    *,
    search: str = "",
    user_ids: Sequence[str] = (),
    page_size: int,
    page_token: str,
) -> pages.Page[ListedConsent]:
    """Return one page of the consents for a resource.

    ``user_ids`` are IDs or external IDs of users. Without them, ``search`` is an ID, an external
    ID or an email address.
    """
    named = list(user_ids) or ([search] if search else [])
    page = await _page(
        call,
        "resource" if not named else "users",
        "consents of resource" + json.dumps([resource_id, named]),
        page_size=page_size,
        page_token=page_token,
        p_resource_id=resource_id,
        p_named=to_json(named),
        p_keys=to_json([email_addresses.key(one) for one in named] if not user_ids else []),
    )
    if not page.total_size:
        row = await call.db.fetch_one(_RESOURCE, p_resource_id=resource_id)
        if row is None:
            raise errors.NotFound("resource")
    return page


async def of_user(
    call: Call, *, user_id: str, organization_id: str, page_size: int, page_token: str
) -> pages.Page[ListedConsent]:
    """Return one page of the consents of a user in an organization."""
    return await _page(
        call,
        "user",
        "consents of user" + json.dumps([user_id, organization_id]),
        page_size=page_size,
        page_token=page_token,
        p_user_id=user_id,
        p_organization_id=organization_id,
    )


async def of_organization(
    call: Call, organization_id: str, *, page_size: int, page_token: str
) -> pages.Page[ListedConsent]:
    """Return one page of the consents of all members of an organization."""
    return await _page(
        call,
        "organization",
        "consents of organization" + json.dumps([organization_id]),
        page_size=page_size,
        page_token=page_token,
        p_organization_id=organization_id,
    )


async def of_client(call: Call, client_id: str) -> list[ListedConsent]:
    """Return the newest consents to a client, as many as a page has."""
    rows = await call.db.fetch_all(_OF_CLIENT, p_client_id=client_id)
    return [ListedConsent.from_row(row) for row in rows]


async def _page(
    call: Call, place: str, listing: str, *, page_size: int, page_token: str, **narrow: str
) -> pages.Page[ListedConsent]:
    position = pages.position(
        call.db, listing, page_size=page_size, page_token=page_token, most=MAX_PAGE
    )
    rows = await call.db.fetch_all(_LIST[place, position.direction], **position.params, **narrow)
    row = await call.db.fetch_one(_TOTAL[place], **narrow)
    total = row["total"] if row else 0
    call.tell_total(is_exact=total < pages.MOST_COUNTED)
    return position.page(rows, total).of(ListedConsent.from_row)


_OF_RESOURCE = _c.resource_id == bindparam("p_resource_id", type_=Text)
_named = json_values(bindparam("p_named", type_=Text))
_users = select(_u.id).where(
    or_(
        _u.id.in_(_named),
        _u.external_id.in_(_named),
        _u.email_key.in_(json_values(bindparam("p_keys", type_=Text))),
    )
)
_WHERE: dict[str, tuple[ColumnElement[bool], ...]] = {
    "resource": (_OF_RESOURCE,),
    "users": (_OF_RESOURCE, _c.user_id.in_(_users)),
    "organization": (_c.organization_id == bindparam("p_organization_id", type_=Text),),
    "user": (
        _c.user_id == bindparam("p_user_id", type_=Text),
        _c.organization_id == bindparam("p_organization_id", type_=Text),
    ),
}


def _with_names(found: Select[Any], *, backward: bool) -> Statement:
    page = found.subquery("page")
    return Statement(
        select(
            *page.c,
            _u.external_id,
            _u.email,
            _cl.name.label("client_name"),
            _r.name.label("resource_name"),
        )
        .select_from(
            page.join(users, _u.id == page.c.user_id)
            .join(clients, _cl.id == page.c.client_id)
            .join(resources, _r.id == page.c.resource_id)
        )
        .order_by(pages.order(page.c.id, backward=backward))
    )


_LIST = {
    (place, direction): _with_names(
        pages.part(select(consents).where(*where), _c.id, direction).limit(bindparam("take")),
        backward=direction == "backward",
    )
    for place, where in _WHERE.items()
    for direction in pages.DIRECTIONS
}
_TOTAL = {
    place: Statement(select(pages.counted(select(_c.id).where(*where)).c.total))
    for place, where in _WHERE.items()
}
_RESOURCE = Statement(select(_r.id).where(_r.id == bindparam("p_resource_id", type_=Text)))
_OF_CLIENT = _with_names(
    select(consents)
    .where(_c.client_id == bindparam("p_client_id", type_=Text))
    .order_by(_c.id.desc())
    .limit(MAX_PAGE),
    backward=False,
)
