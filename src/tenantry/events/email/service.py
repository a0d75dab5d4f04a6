"""The outbox: queueing a mail with the change that causes it, and its end."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from tenantry.core import errors, ids
from tenantry.core.times import SECOND, now
from tenantry.crypto.vault import WrongKey
from tenantry.db import crud
from tenantry.db.lists import key_ranges, pages, scanning
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.like import ESCAPE, escaped_json
from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound
from tenantry.db.writes.scheduling import Due
from tenantry.events.email.model import DROPPED, FAILED, KEPT, QUEUED, SENT, Email, mail
from tenantry.net import email_addresses
from tenantry.telemetry.metrics import table as metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Row, Session

# The worker that has claimed a mail has it for this long; after that it is thought dead.
LEASE_SECONDS = 90

KEEP_DAYS = 30
_PRUNED_AT_ONCE = 1000
_AT_ONCE = 500  # mails that are read to be forgotten

_m = mail.c
# Spelled out: the index of due mail is only for this state, and a parameter could be any.
_QUEUED = _m.state == literal_column(f"'{QUEUED}'")

# For a statement of another room, `Statement(its_own, ..., INSERT)`, run with `row(...)` beside
# its own parameters: the mail is there when the change is.
INSERT = insert(mail).values(bound(mail, "mail_"))
_INSERT = Statement(INSERT.returning(_m.id))
_FIND = crud.get(mail)
_NEWEST = Statement(select(mail).order_by(_m.id.desc()).limit(bindparam("take")))
_queued = pages.counted(select(_m.id).where(_QUEUED))
_latest = select(_m.state).order_by(_m.id.desc()).limit(literal_column("1000")).subquery("latest")
_FIGURES = Statement(
    select(
        select(_queued.c.total).scalar_subquery().label("waiting"),
        select(func.count())
        .select_from(_latest)
        .where(_latest.c.state == literal_column(f"'{FAILED}'"))
        .scalar_subquery()
        .label("failed"),
    )
)
_WAITING = Statement(
    select(
        select(_queued.c.total).scalar_subquery().label("waiting"),
        select(func.min(_m.due_time)).where(_QUEUED).scalar_subquery().label("since"),
    )
)
_DUE = Due(mail, _m.due_time, _QUEUED, lease_seconds=LEASE_SECONDS)
# A worker that lost its claim to another must not undo that one's work: attempts tell.
_RETRY = Statement(
    update(mail)
    .where(_m.id == bindparam("p_id"), _QUEUED, _m.attempts == bindparam("p_attempts"))
    .values(due_time=bindparam("p_due_time"), problem=bindparam("p_problem"))
    .returning(_m.id)
)
_AGAIN = Statement(
    update(mail)
    .where(
        _m.id == bindparam("p_id"),
        _m.state.in_([literal_column(f"'{QUEUED}'"), literal_column(f"'{FAILED}'")]),
    )
    .values(
        state=literal_column(f"'{QUEUED}'"),
        attempts=literal_column("0"),
        due_time=bindparam("p_due_time"),
    )
    .returning(mail)
)
_END = crud.update(
    mail, by=("id", _QUEUED), set_=("state", "problem", "content_sealed", "sent_time")
)
_PRUNE = Statement(
    delete(mail)
    .where(
        _m.id.in_(
            select(_m.id)
            .where(_m.id < bindparam("p_before"), ~_QUEUED)
            .order_by(_m.id)
            .limit(bindparam("take"))
        )
    )
    .returning(_m.id)
)

_ADDRESS = bindparam("p_address", type_=Text)
_FORGET = crud.delete(mail, by=(func.lower(_m.recipient) == _ADDRESS,))
# Columns that can hold an address which is not that of the mail's reader.
_TELLING = Statement(
    select(_m.id, _m.organization_id, _m.variables, _m.content_sealed)
    .where(
        _m.id > bindparam("after", type_=Text),
        or_(
            _m.content_sealed.is_not(None),
            func.lower(cast(_m.variables, Text)).like(
                bindparam("pattern", type_=Text), escape=ESCAPE
            ),
        ),
    )
    .order_by(_m.id)
    .limit(literal_column(str(_AT_ONCE)))
)
_UNSAID = [_m.id, _m.variables]
_less = records("less", _UNSAID)
_UNSAY = Statement(
    update(mail)
    .where(_m.id == _less.c.id)
    .values(variables=_less.c.variables, content_sealed=None)
    .returning(_m.id)
)


@dataclass(frozen=True, slots=True)
class Content:
    """The words of a mail, once rendered; ``code`` and ``link`` let its reader in."""

    subject: str
    text: str
    html: str
    code: str = ""
    link: str = ""


def row(
    db: Session,
    *,
    template: str,
    recipient: str,
    variables: Mapping[str, Any],
    organization_id: str | None = None,
) -> dict[str, Any]:
    """Return the parameters of `INSERT` for a new mail that is due at once."""
    at = now()
    return {
        "mail_id": db.new_id(ids.MAIL),
        "mail_organization_id": organization_id,
        "mail_recipient": recipient,
        "mail_template": template,
        "mail_variables": to_json(dict(variables)),
        "mail_state": QUEUED,
        "mail_attempts": 0,
        "mail_due_time": at,
        "mail_problem": None,
        "mail_content_sealed": None,
        "mail_create_time": at,
        "mail_sent_time": None,
    }


async def queue(db: Session, **members: Any) -> str:
    """Put one mail into the outbox, as `row` takes it, and return its id."""
    params = row(db, **members)
    await db.fetch_all(_INSERT, **params)
    mail_id: str = params["mail_id"]
    return mail_id


async def newest(db: Session, *, limit: int) -> list[Email]:
    """Return the newest mail first."""
    return [Email.from_row(found) for found in await db.fetch_all(_NEWEST, take=limit)]


async def newest_said(db: Session, *, limit: int) -> list[tuple[Email, Content | None]]:
    """Return the newest mail first, with what each says if that is kept here."""
    rows = await db.fetch_all(_NEWEST, take=limit)
    return [(Email.from_row(found), _content(db, found)) for found in rows]


async def find(db: Session, mail_id: str) -> tuple[Email, Content | None] | None:
    """Return one mail, with what it says if that is kept here."""
    found = await db.fetch_one(_FIND, p_id=mail_id)
    if found is None:
        return None
    return Email.from_row(found), _content(db, found)


async def waiting(db: Session) -> tuple[int, int | None]:
    """Return how much mail waits, up to `pages.MOST_COUNTED`, and when the first is due.

    The time is in microseconds since 1970, None where no mail waits.
    """
    row = await db.fetch_one(_WAITING)
    assert row is not None
    return row["waiting"], row["since"]


async def waiting_and_failed(db: Session) -> tuple[int, int]:
    """Return how much mail waits, up to `pages.MOST_COUNTED`, and how much of the newest failed.

    Of the newest 1,000: of all it would be a walk through the table.
    """
    row = await db.fetch_one(_FIGURES)
    assert row is not None
    return row["waiting"], row["failed"]


async def page(
    db: Session, *, state: str, recipient: str, page_size: int, page_token: str
) -> pages.Page[Email]:
    """Return one page of mail, the newest first (see `tenantry.db.lists.scanning`); "" is any."""
    key = email_addresses.key(recipient) if recipient else ""
    start = scanning.start(
        db,
        "mail" + to_json([state, key]),
        page_size=page_size,
        page_token=page_token,
        searches=bool(state or key),
    )
    rows = await db.fetch_all(
        _page_statement(by_state=bool(state), by_recipient=bool(key), most=start.most),
        **start.params(*key_ranges.between(ids.MAIL, None, None)),
        state=state,
        recipient=key,
    )
    return start.page(rows).of(Email.from_row)


@functools.cache
def _page_statement(*, by_state: bool, by_recipient: bool, most: int) -> Statement:
    near = key_ranges.nearest(select(_m.id), (_m.id, None), low="low", high="high", most=most)
    wanted = []
    if by_state:
        wanted.append(_m.state == bindparam("state", type_=Text))
    if by_recipient:
        wanted.append(func.lower(_m.recipient) == bindparam("recipient", type_=Text))
    place = scanning.found([near], mail, _m.id, wanted, most=most)
    shown = select(place.c.looked, place.c.reached, mail).select_from(
        place.outerjoin(mail, _m.id == place.c.hit_id)
    )
    return Statement(shown.order_by(place.c.hit_id.desc()))


async def send_again(call: Call, mail_id: str) -> Email:
    """Have a mail that waits or has failed sent at once, from the start of the schedule."""
    async with call.db.transaction() as db:
        row = await db.fetch_one(_AGAIN, p_id=mail_id, p_due_time=now())
        if row is None:
            if await db.fetch_one(_FIND, p_id=mail_id) is None:
                raise errors.NotFound("mail")
            raise errors.InvalidArgument.field(
                "mail_id", "state", "only queued or failed emails can be resent"
            )
        again = Email.from_row(row)
        await db.record(
            call.event(
                "mail.retried",
                organization_id=again.organization_id,
                after={"id": again.id, "template": again.template},
            )
        )
    return again


async def seconds_until_due(db: Session) -> float | None:
    """Return when the next mail goes out, 0 or less for now; None when there is none."""
    return await _DUE.seconds(db)


async def claim(db: Session) -> Email | None:
    """Take the mail that is due the longest, for `LEASE_SECONDS`, and count the attempt."""
    rows = await _DUE.claim(db)
    return Email.from_row(rows[0]) if rows else None


async def sent(db: Session, claimed: Email) -> None:
    """Note that a mail server took it."""
    await _end(db, claimed, SENT)
    _count(claimed, SENT)


async def kept(db: Session, claimed: Email, content: Content) -> None:
    """Keep what it says, encrypted: it may hold a link that lets somebody in."""
    encrypted = db.vault.encrypt(
        to_json(asdict(content)).encode(), _binding(claimed.id, claimed.organization_id)
    )
    await _end(db, claimed, KEPT, content_sealed=encrypted)
    _count(claimed, KEPT)


async def failed(db: Session, claimed: Email, problem: str) -> None:
    """Give it up."""
    await _end(db, claimed, FAILED, problem=problem)
    _count(claimed, FAILED)


async def dropped(db: Session, claimed: Email) -> None:
    """Note that it has become pointless."""
    await _end(db, claimed, DROPPED)
    _count(claimed, DROPPED)


async def retry(db: Session, claimed: Email, problem: str, *, seconds: float) -> None:
    """Have it tried again after some time."""
    await db.fetch_all(
        _RETRY,
        p_id=claimed.id,
        p_attempts=claimed.attempts,
        p_due_time=now() + int(seconds * 1_000_000),
        p_problem=problem,
    )
    metrics.MAIL_ATTEMPTS.add("retried")


async def prune(db: Session) -> bool:
    """Forget some mail that ended more than `KEEP_DAYS` ago; return whether there may be more."""
    before = ids.at(ids.MAIL, now() - KEEP_DAYS * 24 * 3600 * 1_000_000)
    return len(await db.fetch_all(_PRUNE, p_before=before, take=_PRUNED_AT_ONCE)) > 0


async def forget(db: Session, address: str) -> None:
    """Delete all mail to an address, given in lower case, and its mention in mail to others.

    The text of such mail goes as well, where it is kept; one that is still to go out names nobody.
    """
    await db.fetch_all(_FORGET, p_address=address)
    part = escaped_json(address)
    after = ""
    while rows := await db.fetch_all(_TELLING, after=after, pattern=f'%"{part}"%'):
        after = rows[-1]["id"]
        less = []
        for row in rows:
            variables = from_json(row["variables"])
            left = _without(address, variables)
            if left != variables or _may_say(db, row, address):
                less.append({"id": row["id"], "variables": to_json(left)})
        if less:
            await db.fetch_all(_UNSAY, less=spelled(_UNSAID, less))


def _without(address: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, str) and value.lower() == address else value
        for name, value in variables.items()
    }


def _content(db: Session, row: Row) -> Content | None:
    try:
        said = _said(db, row)
    except WrongKey:
        return None
    return Content(**from_json(said)) if said else None


def _may_say(db: Session, row: Row, address: str) -> bool:
    """Whether a mail mentions an address, as far as can be told: its text may be unreadable."""
    try:
        return address in _said(db, row).lower()
    except WrongKey:
        return True


def _said(db: Session, row: Row) -> str:
    """Return what the mail of a row says, as JSON; nothing where that is not kept.

    Raises:
        WrongKey: it cannot be decrypted.

    """
    encrypted = row["content_sealed"]
    if not encrypted:
        return ""
    return db.vault.decrypt(encrypted, _binding(row["id"], row["organization_id"])).decode()


async def _end(
    db: Session,
    claimed: Email,
    state: str,
    *,
    problem: str | None = None,
    content_sealed: str | None = None,
) -> None:
    await db.fetch_all(
        _END,
        p_id=claimed.id,
        p_state=state,
        p_problem=problem,
        p_content_sealed=content_sealed,
        p_sent_time=now() if state in {SENT, KEPT} else None,
    )


def _count(ended: Email, state: str) -> None:
    metrics.MAIL_ATTEMPTS.add(state.lower())
    metrics.MAIL_SECONDS.observe((now() - ended.create_time) / SECOND, state.lower())


def _binding(mail_id: str, organization_id: str | None) -> Binding:
    return binding(mail.c.content_sealed, {"id": mail_id, "organization_id": organization_id})
