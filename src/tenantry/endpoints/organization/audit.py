"""An organization's audit log: events about it, newest first, and all of them as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.times import DAY, rfc3339
from tenantry.db.sql.schema import from_json
from tenantry.endpoints.organization.visit import OrganizationSite, Page, Visit
from tenantry.events.event_log import exporting, listing
from tenantry.events.event_log.exporting import Format, Order
from tenantry.net.http import StreamingResponse
from tenantry.tenants.users import reading
from tenantry.web.frames.areas import AUDIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Row
    from tenantry.net.http import Response

_PAGE = 25
_LOOKED_AT = 100  # entries of one page that is narrowed to an actor
# Types by what they are about. All others are the application's own.
GROUPS: Mapping[str, Sequence[str]] = {
    "members": (
        *("user.signup", "user.organization_invitation", "user.invitation_resent"),
        *(f"user.organization_membership_{done}" for done in ("created", "updated", "deleted")),
    ),
    "sign_ins": ("user.login", "user.logout", "user.activity_disowned", "user.impersonated"),
    "settings": (
        *("organization.created", "organization.updated", "organization.policy_updated"),
        *("organization.access_refused", "organization.break_glass_used"),
        *(f"organization.domain_{done}" for done in ("created", "deleted")),
        *(f"organization.domain_dns_verification_{done}" for done in ("success", "failed")),
        *(f"portal_link.{done}" for done in ("created", "deleted", "opened")),
    ),
    "roles": tuple(f"role.{done}" for done in ("created", "updated", "deleted")),
    "single_sign_on": (
        *(
            f"organization.sso_{done}"
            for done in ("created", "enabled", "disabled", "deleted", "updated")
        ),
        "organization.sso_certificate_expiring",
    ),
    "directories": (
        *(
            f"organization.directory_{done}"
            for done in ("created", "updated", "enabled", "disabled", "deleted", "sync_failed")
        ),
        "organization.directory_secret_created",
        "organization.directory_secret_regenerated",
        "organization.directory_roles_assigned",
        *(f"organization.directory.user_{done}" for done in ("created", "updated", "deleted")),
        *(f"organization.directory.group_{done}" for done in ("created", "updated", "deleted")),
    ),
    "programs": (
        *(f"api_token.{done}" for done in ("created", "updated", "invalidated")),
        *(f"client.{done}" for done in ("created", "updated", "deleted")),
        *(f"client.secret_{done}" for done in ("created", "updated", "deleted", "rotated")),
        *("consent.granted", "consent.revoked"),
    ),
}
_ALL = tuple(type_ for types in GROUPS.values() for type_ in types)
# The application's own data, and what a person has told other organizations as well.
_HIDDEN = {
    *("metadata", "external_id", "custom_claims", "custom_attributes", "user_profile"),
    *("last_login_time", "settings", "environment_id", "organization_id"),
    # Of no use to people.
    *("create_time", "update_time", "created_at", "updated_at", "access_token_signing_alg"),
    *("enforce_pkce", "disallow_scalekit_api_access", "client_type"),
}
_MOST_CHANGES, _MOST_TEXT = 30, 200  # that one entry of a page shows
_ACTORS = {"portal_session", "management_client", "directory", "operator"}


def pages(site: OrganizationSite) -> list[Page]:
    subject = _Audit(site)
    return [
        Page("GET", "", subject.show, AUDIT),
        Page("GET", "/export", subject.export, AUDIT),
    ]


@dataclass(frozen=True, slots=True)
class Change:
    """One value that an event tells of: "" for no value."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Filter:
    """The filter of the page, as entered in its form."""

    group: str
    since: str
    until: str
    actor: str

    @classmethod
    def of(cls, visit: Visit) -> _Filter:
        group = visit.query("group")
        return cls(
            group if group in GROUPS else "",
            *(visit.query(name).strip()[:254] for name in ("since", "until", "actor")),
        )

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(GROUPS[self.group]) if self.group else _ALL

    @property
    def start_time(self) -> int | None:
        return _day(self.since, "since")

    @property
    def end_time(self) -> int | None:
        first = _day(self.until, "until")
        return None if first is None else first + DAY - 1

    @property
    def members(self) -> dict[str, str]:
        """The members of the query that are set."""
        given = {
            "group": self.group,
            "since": self.since,
            "until": self.until,
            "actor": self.actor,
        }
        return {name: value for name, value in given.items() if value}


class _Audit:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show a page of the log."""
        narrow, problem, found, actor_id = _Filter.of(visit), "", None, ""
        if narrow.actor:
            user = await reading.find_by_email(visit.call.db, narrow.actor)
            actor_id = user.id if user is not None else "nobody"
        try:
            found = await listing.page(
                visit.call,
                listing.Filter(
                    types=narrow.types,
                    start_time=narrow.start_time,
                    end_time=narrow.end_time,
                    organization_id=visit.organization.id,
                ),
                page_size=_LOOKED_AT if actor_id else _PAGE,
                page_token=visit.query("page_token"),
                counted=False,
            )
        except errors.InvalidArgument:
            problem = visit.words.plain("audit.bad_filter")
        rows = [dict(row) for row in found.items] if found else []
        if actor_id:
            rows = [row for row in rows if from_json(row["actor"]).get("id") == actor_id]
        actors = await self._addresses(visit, rows)
        return self._site.render(
            visit,
            AUDIT,
            "audit.html",
            entries=[self._entry(visit, row, actors) for row in rows],
            found=found,
            narrow=narrow,
            groups=[(group, visit.words(f"audit.group_{group}")) for group in GROUPS],
            problem=problem,
        )

    async def export(self, visit: Visit) -> Response:
        """Answer with all of it as a file, oldest first."""
        narrow = _Filter.of(visit)
        kinds = {kind.suffix: kind for kind in Format}
        kind = kinds.get(visit.query("format"), Format.CSV)
        order = Order(
            kind,
            types=narrow.types,
            organization_id=visit.organization.id,
            start_time=narrow.start_time,
            end_time=narrow.end_time,
        )
        charset = "; charset=utf-8" if kind is Format.CSV else ""
        headers = {
            "content-type": kind.value + charset,
            "content-disposition": f'attachment; filename="audit-log.{kind.suffix}"',
            "cache-control": "no-store",
        }
        pieces = exporting.pieces(visit.call.db, order, columns=_COLUMNS, members=_members)
        return StreamingResponse(pieces, headers)  # type: ignore[return-value]

    async def _addresses(self, visit: Visit, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Return the addresses of the people who acted, by their ids."""
        ids = {from_json(row["actor"])["id"] for row in rows}
        return await reading.addresses(visit.call.db, visit.organization.id, ids)

    def _entry(
        self, visit: Visit, row: Mapping[str, Any], addresses: Mapping[str, str]
    ) -> dict[str, Any]:
        actor = from_json(row["actor"])
        kind = actor["type"] if actor["type"] in _ACTORS else "somebody"
        said = addresses.get(actor["id"])
        return {
            "id": row["id"],
            "type": row["type"],
            "name": visit.words.plain(f"event.{row['type']}"),
            "time": row["occurred_at"],
            "actor": said or visit.words.plain(f"audit.actor_{kind}"),
            "impersonated": "impersonator" in actor,
            "subject": _subject(row),
            "changes": changes(row),
        }


def changes(row: Mapping[str, Any]) -> list[Change]:
    """Return the values that differ before and after an event, by their paths."""
    before, after = (
        dict(_leaves(from_json(row[name]))) if row[name] is not None else {}
        for name in ("before", "after")
    )
    found = [
        Change(name, before.get(name, ""), after.get(name, ""))
        for name in (*before, *(name for name in after if name not in before))
        if before.get(name, "") != after.get(name, "")
    ]
    return found[:_MOST_CHANGES]


def _leaves(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [
            leaf
            for name, inner in value.items()
            if name not in _HIDDEN
            for leaf in _leaves(inner, f"{path}.{name}" if path else name)
        ]
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return [
            leaf
            for number, inner in enumerate(value)
            for leaf in _leaves(inner, f"{path}[{number}]")
        ]
    text = ", ".join(map(str, value)) if isinstance(value, list) else _text(value)
    return [(path, text[:_MOST_TEXT])] if text else []


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _subject(row: Mapping[str, Any]) -> str:
    """Return what an event is about, as people know it: an address, or a name."""
    text = row["after"] if row["after"] is not None else row["before"]
    data = from_json(text) if text is not None else {}
    user = data.get("user")
    if isinstance(user, dict):
        return str(user.get("email", ""))
    names = ("email", "domain", "display_name", "name", "description", "user_name")
    return next((str(data[name])[:_MOST_TEXT] for name in names if data.get(name)), "")


def _day(text: str, field: str) -> int | None:
    """Return the beginning of a day that a form names, in microseconds since 1970."""
    return exporting.parsed_time(f"{text}T00:00:00Z", field) if text else None


_COLUMNS = ("id", "occurred_at", "type", "actor_type", "actor_id", "subject", "changes")


def _members(row: Row) -> dict[str, Any]:
    """Return an event as its line in the file; without what members do not see."""
    actor = from_json(row["actor"])
    told = {one.name: {"before": one.before, "after": one.after} for one in changes(dict(row))}
    values = (
        *(row["id"], rfc3339(row["occurred_at"]), row["type"]),
        *(actor["type"], actor["id"], _subject(dict(row)), told),
    )
    return dict(zip(_COLUMNS, values, strict=True))
