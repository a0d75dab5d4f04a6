"""Links from Tenantry's pages to applications.

Where several applications exist, a page links to the one that it belongs to, and to none if that
is not known: which one a person uses is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import Text, bindparam, cast, literal_column, select

from tenantry.access.clients.model import APPLICATIONS, ENV, clients
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from tenantry.db.engine import Row, Session

_MOST_ORIGINS = 500  # applications that are looked at, for an address that may be of any of them

_c = clients.c
# Not clients of resources: third parties, which name their own addresses.
_of_environment = _c.organization_id.is_(None) & _c.resource_id.is_(None)
COLUMNS = (_c.id, _c.client_type, _c.name, _c.initiate_login_uri, _c.post_login_uris)
_ALL = Statement(
    select(*COLUMNS)
    .where(_of_environment)
    .order_by(_c.initiate_login_uri.is_(None), _c.id)
    .limit(bindparam("p_most"))
)
# A management client is an application, too, if it signs people in.
_signs_in = (
    _c.client_type.in_([literal_column(f"'{type_}'") for type_ in APPLICATIONS])
    | _c.initiate_login_uri.is_not(None)
    | (cast(_c.post_login_uris, Text) != literal_column("'[]'"))
)
_applications = select(*COLUMNS).where(_of_environment, _signs_in).order_by(_c.id)
_APPLICATION = Statement(_applications.where(_c.id == bindparam("p_id", type_=Text)))
_FIRST_TWO = Statement(_applications.limit(literal_column("2")))
_INITIATE_LOGIN_URIS = Statement(
    select(_c.initiate_login_uri)
    .where(_of_environment, _c.initiate_login_uri.is_not(None))
    .distinct()
    .limit(literal_column("2"))
)
_MANAGEMENT = Statement(
    select(_c.post_login_uris)
    .where(_of_environment, _c.client_type == ENV)
    .order_by(_c.id)
    .limit(bindparam("p_most"))
)
_ONE = Statement(
    select(*COLUMNS).where(_c.id == bindparam("p_id", type_=Text), _c.resource_id.is_(None))
)


@dataclass(frozen=True, slots=True)
class ReturnTarget:
    """Where to, and what the application there is called, "" where nobody has named it.

    ``begins`` says that a sign-in begins there (OpenID Connect Core section 4).
    """

    uri: str
    app: str
    begins: bool


async def of_only_application(db: Session) -> ReturnTarget | None:
    """Return the way to the only application; None if there are several or it has no page."""
    rows = await db.fetch_all(_FIRST_TWO)
    return of_row(rows[0]) if len(rows) == 1 else None


async def only_initiate_login_uri(db: Session) -> str | None:
    """Return the initiate login URI of all applications that have one; None if they differ."""
    rows = await db.fetch_all(_INITIATE_LOGIN_URIS)
    uri = rows[0]["initiate_login_uri"] if len(rows) == 1 else ""
    return uri if uri and "{{" not in uri else None


async def name_of(db: Session, client_id: str) -> str:
    """Return what an application is called, "" where nobody has named it."""
    row = await db.fetch_one(_ONE, p_id=client_id)
    return "" if row is None or row["client_type"] == ENV else row["name"]


async def find_application(db: Session, client_id: str) -> tuple[str, ReturnTarget | None] | None:
    """Return the name of an application and the way to it; None if there is no such application.

    A management client is one only if it signs people in.
    """
    row = await db.fetch_one(_APPLICATION, p_id=client_id)
    return None if row is None else (row["name"], of_row(row))


async def of_client(db: Session, client_id: str) -> ReturnTarget | None:
    """Return the way to this application, if it has told any."""
    row = await db.fetch_one(_ONE, p_id=client_id)
    return None if row is None else of_row(row)


async def of_client_or_only(db: Session, client_id: str | None) -> ReturnTarget | None:
    """Return the way to this application, or to the only one there is."""
    way = None if client_id is None else await of_client(db, client_id)
    return way or await of_only_application(db)


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


async def environment_origins(db: Session) -> list[str]:
    """Return the origins of the environment's redirect URIs, as browsers spell them.

    They are those of management clients (`AddEnvironmentRedirectUri`): the callback of an
    application alone does not let its pages embed anything. Patterns are ignored.
    """
    found = {
        _spelled(_origin(uri))
        for row in await db.fetch_all(_MANAGEMENT, p_most=_MOST_ORIGINS)
        for uri in from_json(row["post_login_uris"])
    }
    return sorted(found - {""})


def _spelled(origin: str) -> str:
    """Return an origin of `_origin` as browsers write it: without the port that goes by itself."""
    if origin.startswith("https:"):
        return origin.removesuffix(":443")
    return origin.removesuffix(":80")


def of_row(row: Row) -> ReturnTarget | None:
    """Return the way to the application of a row with `COLUMNS`.

    That is its initiate_login_uri, else the origin of the first of its post_login_uris that is the
    address of a page: none of a native application, and none that differs by organization.
    """
    app = "" if row["client_type"] == ENV else row["name"]
    begins = row["initiate_login_uri"]
    if begins and "{{" not in begins:
        return ReturnTarget(begins, app, begins=True)
    for uri in from_json(row["post_login_uris"]):
        url = urlsplit(uri)
        if url.scheme in {"https", "http"} and not {"*", "{"} & set(url.netloc):
            return ReturnTarget(f"{url.scheme}://{url.netloc}/", app, begins=False)
    return None
