"""How far a poll has come: kept with its directory, so that any worker goes on with it."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from tenantry.core.times import SECOND, now
from tenantry.crypto.vault import digest
from tenantry.db.sql.schema import to_json
from tenantry.tenants.directories.model import SELECTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.tenants.directories.model import Directory

# The steps of a poll, in this order. Behind the guard alone is anything removed.
IDLE = ""
GROUPS, MEMBERS, PEOPLE = "groups", "members", "people"
GUARD = "guard"
WRITE_GROUPS, DROP_GROUPS, DROP_PEOPLE, DONE = "write_groups", "drop_groups", "drop_people", "done"

PERIOD_SECONDS = 3600.0
_SPREAD = 0.1  # of the period, either way
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 3600.0  # seconds, after a refusal that passes
SHOWN_AFTER = 4  # such refusals in a row
_OLDEST = 24 * 3600 * SECOND  # that is gone on with: groups change meanwhile
MOST_SKIPPED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A poll under way, or at rest between two of them.

    ``group`` is the id, at the provider, of the group that is read or was written last.
    ``held`` is how many people and groups were about to be removed when the guard stopped a poll,
    and ``confirmed`` how many of each an administrator has agreed to since.
    """

    step: str = IDLE
    page_token: str = ""
    group: str = ""
    selection: str = ""
    start_time: int = 0
    failures: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    skipped: tuple[Mapping[str, str], ...] = ()
    again: bool = False  # something can be taken once something else is removed
    held: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()

    @classmethod
    def of(cls, directory: Directory) -> Poll:
        """Return where the poll of a directory is."""
        stored = directory.poll or {}
        known = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
        for name in ("skipped", "held", "confirmed"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)

    def to_json(self) -> str:
        """Return it as it is stored: without empty members."""
        return to_json({name: value for name, value in asdict(self).items() if value})

    def begun(self, directory: Directory) -> Poll:
        """Return the poll that begins now."""
        return Poll(
            step=GROUPS,
            selection=selection(directory),
            start_time=now(),
            failures=self.failures,
            held=self.held,
            confirmed=self.confirmed,
        )

    def serves(self, directory: Directory) -> bool:
        """Whether it is under way, and worth going on with."""
        fresh = self.start_time > now() - _OLDEST
        return self.step != IDLE and fresh and self.selection == selection(directory)

    def at(self, step: str, *, group: str = "", page_token: str = "") -> Poll:
        """Return it at a place."""
        return replace(self, step=step, group=group, page_token=page_token, failures=0)

    def counted(self, **more: int) -> Poll:
        """Return it with more of these."""
        counts = dict(self.counts)
        for name, number in more.items():
            if number:
                counts[name] = counts.get(name, 0) + number
        return replace(self, counts=counts)

    def noted(self, *skipped: Mapping[str, str]) -> Poll:
        """Return it with more that was not taken, and why: the first 50, and the number of all."""
        after = self.counted(skipped=len(skipped))
        return replace(after, skipped=(*self.skipped, *skipped)[:MOST_SKIPPED])

    def stopped(self) -> Poll:
        """Return it at rest before its end; the next one begins from the beginning."""
        return Poll(held=self.held)

    def failed(self) -> Poll:
        """Return it after one more refusal that passes."""
        return replace(self, failures=self.failures + 1)


def confirmed(poll: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the stored form of a poll that somebody asks for: all that was held is confirmed."""
    if not poll or "held" not in poll:
        return None if poll is None else dict(poll)
    return {**poll, "confirmed": poll["held"]}


def selection(directory: Directory) -> str:
    """Return a digest of which groups a directory tracks, to see that they are the same still."""
    if directory.groups_tracked != SELECTED:
        return ""
    return digest(to_json(selected(directory)))


def selected(directory: Directory) -> list[str]:
    """Return the ids, at the provider, of the groups that are selected, in order."""
    return sorted({one["external_id"] for one in directory.external_groups})


def next_time() -> int:
    """Return when the next poll begins: in an hour, spread so that not all begin at once."""
    seconds = PERIOD_SECONDS * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - no secret
    return now() + round(seconds * SECOND)


def pause(failures: int, asked: float | None) -> float:
    """Return the seconds to wait after a number of refusals in a row, at least those asked for."""
    longest = min(_FIRST_PAUSE * 2 ** min(failures, 20), _LONGEST_PAUSE)
    own = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
    return max(own, asked or 0.0)
