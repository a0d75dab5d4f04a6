"""One event as log streams send it: JSON on one line, in ASCII, with what receivers index.

ASCII because a log ends up in terminals and in parsers of lines: no name that somebody chose can
bring a line break of any kind, a control character or a turn of the writing direction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.db.sql.schema import from_json
from tenantry.events.event_log.envelopes import envelope

if TYPE_CHECKING:
    from tenantry.db.engine import Row

# Types whose last word says that something went wrong, or was switched off.
_WARNINGS = {"failed", "disabled"}


@dataclass(frozen=True, slots=True)
class Line:
    """One event: its JSON, and beside it what a protocol has its own fields for."""

    position: int
    id: str
    type: str
    occurred_at: int  # microseconds since 1970, UTC
    organization_id: str | None
    actor: dict[str, str]
    request_id: str
    members: dict[str, Any]

    @classmethod
    def from_row(cls, row: Row, environment_id: str) -> Line:
        """Return the line of one event with its place in the event log."""
        actor = from_json(row["actor"])
        return cls(
            position=row["position"],
            id=row["id"],
            type=row["type"],
            occurred_at=row["occurred_at"],
            organization_id=row["organization_id"],
            actor=actor,
            request_id=row["request_id"],
            members={
                **envelope(row, environment_id),
                "actor": actor,
                "request_id": row["request_id"],
                **{name: _json(row[name]) for name in ("context", "before", "after")},
                "position": row["position"],
                "hash": row["hash"],
            },
        )

    @property
    def is_warning(self) -> bool:
        """Whether somebody should look at it; everything else is for information."""
        return self.type.replace("_", ".").rpartition(".")[2] in _WARNINGS

    def text(self) -> str:
        """Return the JSON."""
        return json.dumps(self.members, separators=(",", ":"))

    def short_text(self) -> str:
        """Return the JSON without what the event was about, for a line that has a longest size."""
        long = {"data", "before", "after", "display_name"}
        rest = {name: value for name, value in self.members.items() if name not in long}
        return json.dumps({**rest, "truncated": True}, separators=(",", ":"))


def _json(text: str | None) -> Any:
    return None if text is None else from_json(text)
