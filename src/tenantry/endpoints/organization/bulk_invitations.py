"""Invites several users at once, from pasted addresses or a CSV file."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.gen.scalekit.v1.commons.commons_pb import Role
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.web.connections import text as decoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.endpoints.organization.visit import Visit

MOST = 100  # invitations of one form
BODY_LIMIT = 256 << 10
_LONGEST = 254  # characters of an address
_SEPARATORS = re.compile(r"[\s,;<>]+")
_EMAIL_HEADS = {"email", "e-mail", "email address", "e-mail address", "mail"}
_ROLE_HEADS = {"role", "roles"}
FULL = "limit of"  # in the sentence of the error for an organization without seats
# Errors about one entry, with the texts that report them unless a field says more.
_REFUSALS: dict[type[errors.Error], str] = {
    errors.RateLimited: "bulk.limited",
    errors.PermissionDenied: "users.beyond",
    errors.InvalidArgument: "refusal.other",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An address and the role of its row, "" for the role of the form."""

    email: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an entry: ``key`` of the words explains it, ``kind`` is that of its pill."""

    entry: Entry
    key: str
    kind: str = "bad"

    @property
    def is_sent(self) -> bool:
        return self.kind == "good"

    @property
    def can_be_retried(self) -> bool:
        """Whether the same entry may be accepted later, or after a correction."""
        return self.kind == "bad"


def parse(text: str) -> list[Entry]:
    """Return the entries of a text: CSV if its first line names a column of addresses.

    Any other text has addresses between spaces, line breaks, commas and semicolons, or in angle
    brackets after a name.

    Raises:
        csv.Error: a cell is too long.

    """
    lines = text.lstrip("\ufeff").strip().splitlines()
    first = lines[0] if lines else ""
    delimiter = next((one for one in ";\t" if one in first), ",")
    heads = [head.strip(' "').lower() for head in first.split(delimiter)]
    column = next((at for at, head in enumerate(heads) if head in _EMAIL_HEADS), None)
    if column is not None:
        return _of_csv(lines[1:], delimiter, column, heads)
    return [Entry(one) for line in lines for one in _addresses(line)]


def _of_csv(lines: Sequence[str], delimiter: str, column: int, heads: Sequence[str]) -> list[Entry]:
    role = next((at for at, head in enumerate(heads) if head in _ROLE_HEADS), None)
    return [
        Entry(
            row[column].strip(),
            row[role].strip() if role is not None and role < len(row) else "",
        )
        for row in csv.reader(lines, delimiter=delimiter)
        if column < len(row) and row[column].strip()
    ]


def _addresses(line: str) -> list[str]:
    found = [one.strip("\"'") for one in _SEPARATORS.split(line)]
    if "<" in line:  # the other words are names
        return [one for one in found if "@" in one]
    return [one for one in found if one]


def parse_form(typed: str, file: bytes) -> list[Entry] | None:
    """Return the entries of a text and a file, None if the file is not Unicode or a cell too long.

    A cell of CSV has at most 128 KiB.
    """
    text = decoded(file)
    if text is None:
        return None
    try:
        return [*parse(typed), *parse(text)]
    except csv.Error:
        return None


class BulkInvitations:
    """Invites the users of a list, each by a call of the API."""

    def __init__(self, visit: Visit, role: str, offered: Mapping[str, str]) -> None:
        """``role`` is that of entries without one; ``offered`` has display names by role name."""
        self._visit = visit
        self._role = role
        self._names = {name.lower(): name for name in offered} | {
            shown.lower(): name for name, shown in offered.items()
        }

    async def send(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Invite all in order; an invitation that fails does not stop those after it.

        Without a seat left, the remaining entries are reported as not sent.
        """
        outcomes: list[Outcome] = []
        seen: set[str] = set()
        is_full = False
        for entry in entries:
            key = entry.email.casefold()
            if key in seen:
                outcomes.append(Outcome(entry, "bulk.duplicate", ""))
                continue
            seen.add(key)
            outcome = Outcome(entry, "bulk.full") if is_full else await self._send(entry)
            is_full = outcome.key == "bulk.full"
            outcomes.append(outcome)
        return outcomes

    async def _send(self, entry: Entry) -> Outcome:
        role = self._names.get(entry.role.lower()) if entry.role else self._role
        if role is None:
            return Outcome(entry, "users.no_such_role")
        if len(entry.email) > _LONGEST:
            return Outcome(entry, "users.bad_address")
        membership = users_pb.CreateMembership(roles=[Role(name=role)] if role else [])
        request = users_pb.CreateUserAndMembershipRequest(
            organization_id=self._visit.organization.id,
            user=users_pb.CreateUser(email=entry.email, membership=membership),
        )
        try:
            await self._visit.api.users.create_user_and_membership(request)
        except errors.Error as problem:
            return _failed(entry, problem)
        return Outcome(entry, "bulk.sent", "good")


def _failed(entry: Entry, problem: errors.Error) -> Outcome:
    """Return the outcome of a refused call; errors that are not about an entry are raised."""
    if isinstance(problem, errors.Duplicate):
        return Outcome(entry, "users.member_already", "")
    known = next((key for kind, key in _REFUSALS.items() if isinstance(problem, kind)), "")
    if not known:
        raise problem
    fields = {one.field for one in problem.violations}
    if any(field.endswith("email") for field in fields):
        known = "users.bad_address"
    elif any(".roles[" in field for field in fields):
        known = "users.no_such_role"
    elif FULL in problem.message:
        known = "bulk.full"
    return Outcome(entry, known)
