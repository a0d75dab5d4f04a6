"""The way on from a page of ours that leads nowhere else: to an application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import Text, bindparam, select

from tenantry.access.clients.model import ENV, clients
from tenantry.db.schema import from_json
from tenantry.db.statements import Statement

if TYPE_CHECKING:
    from tenantry.db.engine import Row, Session

_MOST = 50  # applications that are looked at
_MOST_ORIGINS = 500  # the same, for an address that may be of any of them

_c = clients.c
COLUMNS = (_c.client_type, _c.name, _c.initiate_login_uri, _c.post_login_uris)
_ALL = Statement(
    select(*COLUMNS)
    .where(_c.organization_id.is_(None))
    .order_by(_c.initiate_login_uri.is_(None), _c.id)
    .limit(bindparam("p_most"))
)
_ONE = Statement(select(*COLUMNS).where(_c.id == bindparam("p_id", type_=Text)))


@dataclass(frozen=True, slots=True)
class WayOn:
    """Where to, and what the application there is called, "" where nobody has named it.

    ``begins`` says that a sign-in begins there (OpenID Connect Core section 4).
    """

    uri: str
    app: str
    begins: bool


async def of_environment(db: Session) -> WayOn | None:
    """Return the way to the oldest application that says where a sign-in begins, else to any."""
    for row in await db.fetch_all(_ALL, p_most=_MOST):
        way = of_row(row)
        if way is not None:
            return way
    return None


async def name_of(db: Session, client_id: str) -> str:
    """Return what an application is called, "" where nobody has named it."""
    row = await db.fetch_one(_ONE, p_id=client_id)
    return "" if row is None or row["client_type"] == ENV else row["name"]


async def of_client(db: Session, client_id: str) -> WayOn | None:
    """Return the way to this application, if it has told any."""
    row = await db.fetch_one(_ONE, p_id=client_id)
    return None if row is None else of_row(row)


async def is_at_registered_origin(db: Session, uri: str) -> bool:
    """Whether an address is at the origin of one that an application has registered.

    One whose host is a pattern counts for nothing.
    """
    origin = _origin(uri)
    for row in await db.fetch_all(_ALL, p_most=_MOST_ORIGINS):
        registered = [row["initiate_login_uri"] or "", *from_json(row["post_login_uris"])]
        if origin and origin in map(_origin, registered):
            return True
    return False


def _origin(uri: str) -> str:
    """Return the origin of a web address, "" for any other, and for one with a pattern in it."""
    try:
        url = urlsplit(uri)
        port = url.port
    except ValueError:
        return ""
    host = url.hostname or ""
    odd = set(url.netloc) & set("*{}@\\") or not host or "\\" in uri
    if url.scheme not in {"https", "http"} or odd or not uri.isprintable():
        return ""
    default = 443 if url.scheme == "https" else 80
    host = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{host}:{port or default}"


async def callback_origins(db: Session) -> list[str]:
    """Return the origins of what applications have registered as callbacks, as browsers spell them.

    Patterns count for nothing, nor do the schemes of native apps.
    """
    found = {
        _spelled(_origin(uri))
        for row in await db.fetch_all(_ALL, p_most=_MOST_ORIGINS)
        for uri in from_json(row["post_login_uris"])
    }
    return sorted(found - {""})


def _spelled(origin: str) -> str:
    """Return an origin of `_origin` as browsers write it: without the port that goes by itself."""
    if origin.startswith("https:"):
        return origin.removesuffix(":443")
    return origin.removesuffix(":80")


def of_row(row: Row) -> WayOn | None:
    """Return the way to the application of a row with `COLUMNS`.

    That is its initiate_login_uri, else the origin of the first of its post_login_uris that is the
    address of a page: none of a native application, and none that differs by organization.
    """
    app = "" if row["client_type"] == ENV else row["name"]
    begins = row["initiate_login_uri"]
    if begins and "{{" not in begins:
        return WayOn(begins, app, begins=True)
    for uri in from_json(row["post_login_uris"]):
        url = urlsplit(uri)
        if url.scheme in {"https", "http"} and not {"*", "{"} & set(url.netloc):
            return WayOn(f"{url.scheme}://{url.netloc}/", app, begins=False)
    return None
