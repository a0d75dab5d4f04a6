"""The rows of chains: read, changed and authenticated anew by the holder of the log's state.

A row whose MAC does not fit was changed by somebody else. Its chain goes on, for no event may wait
for that, but is never authenticated again: `verification` tells of it from then on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Text, bindparam, literal_column, select
from sqlalchemy.dialects.postgresql import insert as insert_or_replace

from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import chain
from tenantry.events.event_log.model import event_chains, event_log_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantry.db.engine import Row, Session

_BROKEN = ""  # a MAC that never fits

_log = logging.getLogger(__name__)

_COLUMNS = named(event_chains)
_NAMES = [column.name for column in _COLUMNS]
_HOLD = Statement(select(event_log_state).with_for_update())
_LOAD = Statement(
    select(event_chains).where(
        event_chains.c.chain.in_(json_values(bindparam("chains", type_=Text)))
    )
)
_put = insert_or_replace(event_chains).from_select(
    _NAMES,
    # SQLite would read ON CONFLICT as a part of the FROM before it.
    rows_of("given", _COLUMNS).where(literal_column("true")),
)
_SAVE = Statement(
    _put.on_conflict_do_update(
        index_elements=[event_chains.c.chain],
        set_={name: _put.excluded[name] for name in _NAMES if name != "chain"},
    )
)


async def hold(db: Session) -> Row:
    """Hold the state of the log, so that nobody else changes it until the transaction ends."""
    state = await db.fetch_one(_HOLD)
    assert state is not None
    return state


class Heads:
    """Rows of `event_chains` by chain, that of the environment always among them."""

    def __init__(
        self, rows: Mapping[str, dict[str, Any]], state: Row, macs: chain.ChainMacs
    ) -> None:
        self._macs = macs
        self._broken: set[str] = set()
        self._rows: dict[str, dict[str, Any]] = dict(rows)
        for name, row in rows.items():
            if not macs.fits(row, state):
                self._break(name)
        if chain.ENVIRONMENT not in rows:
            self._rows[chain.ENVIRONMENT] = _new(chain.ENVIRONMENT)
            if state["position"] or state["pruned_before"]:
                self._break(chain.ENVIRONMENT)

    @classmethod
    async def load(cls, db: Session, state: Row, chains: Iterable[str]) -> Self:
        """Read the rows of these chains, in a transaction that holds the state."""
        wanted = to_json(sorted({chain.ENVIRONMENT, *chains}))
        found = await db.fetch_all(_LOAD, chains=wanted)
        rows = {row["chain"]: {name: row[name] for name in _NAMES} for row in found}
        return cls(rows, state, chain.ChainMacs(db.vault))

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return the row of a chain, to be changed; a new one where there is none."""
        return self._rows.setdefault(name, _new(name))

    async def save(self, db: Session, *, position: int, pruned_before: str | None) -> None:
        """Write all rows, and authenticate them for a state of the log that has become this."""
        state = {"position": position, "pruned_before": pruned_before}
        for name, row in self._rows.items():
            row["mac"] = _BROKEN if name in self._broken else self._macs.head(row, state)
        await db.fetch_all(_SAVE, given=spelled(_COLUMNS, self._rows.values()))

    def _break(self, name: str) -> None:
        self._broken.add(name)
        _log.error("event log was tampered with", extra={"fields": {"chain": name}})


def _new(name: str) -> dict[str, Any]:
    return {
        "chain": name,
        "number": 0,
        "hash": chain.GENESIS,
        "anchor_number": 0,
        "anchor_hash": chain.GENESIS,
    }
