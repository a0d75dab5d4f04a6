"""The rules of domains: claiming, finding, proving, deleting.

A domain that a management client adds counts as verified: the application is responsible. Every
other caller makes a claim, which waits for its TXT record. Claims of several organizations stand
side by side, so nobody keeps the owner out; a domain is proven for one organization only. A proof
by DNS keeps later claims out only as long as the record is there: names are sold.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, func, or_, select

from tenantry.core import errors, ids
from tenantry.core.caller import Kind
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.duplicate_key import taken
from tenantry.db.writes.rows import prefixed
from tenantry.net import domain_names
from tenantry.tenants.domains import email_domains, verification
from tenantry.tenants.domains.model import (
    ADMIN,
    DNS,
    NOT_APPLICABLE,
    ORGANIZATION_DOMAIN,
    PENDING,
    PROVEN,
    VERIFIED,
    Domain,
    domains,
)
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.model import organizations as organizations_table

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.domains.verification import Resolver
    from tenantry.tenants.organizations.service import OrganizationIdentifier

MAX_DOMAINS = 1000  # of one organization
DEFAULT_PAGE = 30
MAX_PAGE = 100

_FEATURE = "domain_verification"
_SECRET_PREFIX = "tn_dom_verify_"  # noqa: S105 - a prefix, no secret

_d, _o = domains.c, organizations_table.c
_is_proven = or_(*(_d.verification_status == status for status in PROVEN))
_HELD = (
    select(func.count())
    .select_from(domains)
    .where(_d.organization_id == bindparam("p_organization_id"))
)
_OWNERS = (
    select(func.count())
    .select_from(domains)
    .where(_d.domain == bindparam("p_domain"), _d.domain_type == ORGANIZATION_DOMAIN, _is_proven)
)
_STANDING = Statement(
    select(
        _HELD.scalar_subquery().label("held"),
        _OWNERS.scalar_subquery().label("owners"),
        _OWNERS.where(_d.verification_method != DNS).scalar_subquery().label("vouched_for"),
    )
)
_HOLDER = Statement(
    select(_d.id)
    .where(
        _d.domain == bindparam("p_domain"),
        or_(
            _d.organization_id == bindparam("p_organization_id"),
            and_(_d.domain_type == ORGANIZATION_DOMAIN, _is_proven),
        ),
    )
    .limit(1)
)
_INSERT = crud.insert(domains)
_FIND = (
    select(domains)
    .join(organizations_table, _o.id == _d.organization_id)
    .where(_d.id == bindparam("p_id"))
)
_FIND_BY_ID = Statement(_FIND.where(_o.id == bindparam("key")))
_FIND_BY_EXTERNAL_ID = Statement(_FIND.where(_o.external_id == bindparam("key")))
_OWNS = crud.get(
    domains,
    by=("domain", "organization_id", _d.domain_type == ORGANIZATION_DOMAIN, _is_proven),
    columns=("id",),
)
_DELETE = crud.delete(domains, by=("organization_id", "id"), whole_row=True)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an organization's domains, by its number from 0."""

    domains: list[Domain]
    size: int
    number: int


async def create(
    call: Call, identity: OrganizationIdentifier, *, domain: str, domain_type: str, txt_label: str
) -> Domain:
    """Register a domain; one that must be proven gets its own TXT record, under the label."""
    _check_feature(call, domain_type)
    organization = await organizations.get(call, identity)
    name = _name(domain)
    standing = await call.db.fetch_one(_STANDING, p_organization_id=organization.id, p_domain=name)
    assert standing is not None
    if standing["held"] >= MAX_DOMAINS:
        raise errors.InvalidArgument(f"organization has reached its limit of {MAX_DOMAINS} domains")
    is_claim = domain_type == ORGANIZATION_DOMAIN and not call.caller.is_operators
    if domain_type == ORGANIZATION_DOMAIN and standing["vouched_for" if is_claim else "owners"]:
        raise _taken(organization.id, name)
    at = now()
    new = Domain(
        id=call.db.new_id(ids.DOMAIN),
        organization_id=organization.id,
        domain=name,
        domain_type=domain_type,
        verification_status=VERIFIED,
        verification_method=ADMIN if domain_type == ORGANIZATION_DOMAIN else NOT_APPLICABLE,
        txt_record_key="",
        txt_record_secret="",
        connection_id=None,
        check_time=None,
        expire_time=None,
        revision=1,
        create_time=at,
        update_time=at,
    )
    if is_claim:
        new = _claim(new, txt_label)
    event = call.event(
        "organization.domain_created",
        organization_id=organization.id,
        after=new.to_event(call.db.environment_id),
    )
    params = prefixed(new.to_row())
    try:
        await call.db.apply(_INSERT, event, **params)
    except DuplicateKey:
        raise _taken(organization.id, name) from None
    return new


async def get(call: Call, identity: OrganizationIdentifier, domain_id: str) -> Domain:
    """Return one domain of an organization."""
    by_id = identity.id is not None
    row = await call.db.fetch_one(
        _FIND_BY_ID if by_id else _FIND_BY_EXTERNAL_ID,
        p_id=domain_id,
        key=identity.id if by_id else identity.external_id,
    )
    bound = call.caller.organization_id
    if row is None or (bound is not None and row["organization_id"] != bound):
        raise errors.NotFound("domain")
    return Domain.from_row(row)


def owned(organization_id: ColumnElement[str], domain: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether `owns` holds, as a column of a statement."""
    return (
        select(_d.id)
        .where(
            _d.organization_id == organization_id,
            _d.domain == domain,
            _d.domain_type == ORGANIZATION_DOMAIN,
            _is_proven,
        )
        .exists()
    )


async def owns(db: Session, organization_id: str, domain: str) -> bool:
    """Whether a domain, this one to the letter, is proved to be an organization's own."""
    found = await db.fetch_one(_OWNS, p_domain=domain, p_organization_id=organization_id)
    return found is not None


async def page(
    call: Call, identity: OrganizationIdentifier, *, domain_type: str | None, size: int, number: int
) -> Page:
    """Return one page of an organization's domains, the newest first.

    ``size`` 0 is the default of 30, more than 100 is 100; ``domain_type`` None means all.
    """
    for field, value in (("page_size", size), ("page_number", number)):
        if value < 0:
            raise errors.InvalidArgument.field(
                field, "int32.gte", f"must be 0 or more, got {value}"
            )
    organization = await organizations.get(call, identity)
    size = min(size or DEFAULT_PAGE, MAX_PAGE)
    rows = await call.db.fetch_all(
        _page_statement(domain_type is not None),
        p_organization_id=organization.id,
        p_domain_type=domain_type,
        take=size,
        skip=size * number,
    )
    return Page([Domain.from_row(row) for row in rows], size, number)


async def update(call: Call, identity: OrganizationIdentifier, domain_id: str) -> Domain:
    """Return a domain as it is: the contract knows nothing of it that can change."""
    domain = await get(call, identity, domain_id)
    _check_feature(call, domain.domain_type)
    call.expect(domain.revision)
    return domain


async def remove(call: Call, identity: OrganizationIdentifier, domain_id: str) -> None:
    """Delete a domain."""
    domain = await get(call, identity, domain_id)
    _check_feature(call, domain.domain_type)
    async with call.db.transaction() as db:
        row = await db.fetch_one(_DELETE, p_organization_id=domain.organization_id, p_id=domain.id)
        if row is None:
            raise errors.NotFound("domain")
        gone = Domain.from_row(row)
        call.expect(gone.revision)
        await db.record(
            call.event(
                "organization.domain_deleted",
                organization_id=gone.organization_id,
                before=gone.to_event(db.environment_id),
            )
        )


async def verify(
    call: Call, identity: OrganizationIdentifier, domain_id: str, resolver: Resolver
) -> bool:
    """Look for the TXT record of a claim now; return whether the domain is proven."""
    domain = await get(call, identity, domain_id)
    _check_feature(call, domain.domain_type)
    call.expect(domain.revision)
    if domain.verification_status == PENDING:
        if not await verification.look(call, domain, resolver):
            return False
        # Read anew: a worker may have been faster, and have decided otherwise.
        domain = await get(call, identity, domain_id)
    elif domain.verification_status not in PROVEN:
        raise errors.InvalidArgument(
            "domain was not verified in time, or another organization has verified it; "
            "delete it and add it again"
        )
    return domain.verification_status in PROVEN


@functools.cache
def _page_statement(by_type: bool) -> Statement:
    statement = select(domains).where(_d.organization_id == bindparam("p_organization_id"))
    if by_type:
        statement = statement.where(_d.domain_type == bindparam("p_domain_type"))
    # The contract pages this list by number. It is no longer than MAX_DOMAINS.
    return Statement(
        statement.order_by(_d.id.desc()).limit(bindparam("take")).offset(bindparam("skip"))
    )


def _check_feature(call: Call, domain_type: str) -> None:
    """Raise unless the caller's organization has the feature that the change belongs to.

    Domains whose people may join are general settings of an organization, and need none; but a
    link into the portal is for the feature alone.

    Raises:
        errors.FeatureDisabled: the feature domain_verification is off.

    """
    if domain_type == ORGANIZATION_DOMAIN or call.caller.kind is Kind.PORTAL_SESSION:
        call.caller.check_feature(_FEATURE)


def _taken(organization_id: str, name: str) -> errors.Duplicate:
    return taken("domain", name, _HOLDER, p_domain=name, p_organization_id=organization_id)


def _claim(domain: Domain, txt_label: str) -> Domain:
    """Return a domain as its organization has to prove it."""
    key = f"{txt_label}.{domain.domain}"
    if len(key) > domain_names.MAX_CHARACTERS:
        raise errors.InvalidArgument.field(
            "domain.domain", "string.max_len", "is too long for a TXT record"
        )
    return replace(
        domain,
        verification_status=PENDING,
        verification_method=DNS,
        txt_record_key=key,
        txt_record_secret=vault.new_secret(_SECRET_PREFIX),
        check_time=domain.create_time + verification.FIRST_LOOK_SECONDS * 1_000_000,
        expire_time=domain.create_time + verification.WINDOW_SECONDS * 1_000_000,
    )


def _name(text: str) -> str:
    try:
        name = domain_names.normalized(text)
    except ValueError as problem:
        raise errors.InvalidArgument.field("domain.domain", "domain", str(problem)) from None
    if email_domains.is_public_suffix(name):
        raise errors.InvalidArgument.field(
            "domain.domain", "not_public", f"{name} is a public suffix and cannot be claimed"
        )
    if email_domains.is_public(name) or email_domains.is_disposable(name):
        raise errors.InvalidArgument.field(
            "domain.domain",
            "not_public",
            f"{name} is a public or disposable email domain and cannot be claimed",
        )
    return name
