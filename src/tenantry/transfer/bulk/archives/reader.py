"""Reads an archive line by line, and checks that it is complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.identity.connections.changes.archiving import WrongKey
from tenantry.transfer.bulk import formats
from tenantry.transfer.bulk.archives import file_format

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from tenantry.db.engine import Session
    from tenantry.identity.connections.changes.archiving import SecretCipher
    from tenantry.transfer.bulk.archives.file_format import ArchiveTable, Batch, Members
    from tenantry.transfer.bulk.formats import Record

_BATCH = 1000
_MAX_LINE = 16 << 20  # bytes
_FIRST_TYPES = {"environment": file_format.START, "organization": file_format.START_OF_ORGANIZATION}
NOT_BEFORE = "a line refers to one that does not come before it"


@dataclass(slots=True)
class ArchiveReader:
    """Reads the archive of an environment or of an organization, and decrypts its secrets."""

    db: Session
    cipher: SecretCipher | None
    noun: str  # "environment" or "organization"
    tables: Mapping[str, ArchiveTable]
    start: Callable[[int, Members], Awaitable[None]]  # receives the first line
    lines: int = 0
    ended: bool = False

    async def batches(
        self, pieces: AsyncIterator[bytes]
    ) -> AsyncIterator[tuple[ArchiveTable, Batch]]:
        """Yield consecutive rows of one table."""
        current: ArchiveTable | None = None
        batch: Batch = []
        async for record in _records(pieces):
            members, number = record.members, record.line
            if members is None:
                raise wrong(number, record.problem)
            table = await self._table(number, members)
            if table is None:
                continue
            if current is not None and (table is not current or len(batch) == _BATCH):
                yield current, batch
                batch = []
            current = table
            batch.append((number, self._row(table, number, members)))
        if current is not None:
            yield current, batch
        if not self.ended:
            raise errors.InvalidArgument(f"the file ends before the {self.noun} does")

    async def _table(self, number: int, members: Members) -> ArchiveTable | None:
        """Return the table of a line, or None after the first or last line."""
        if self.ended:
            raise wrong(number, f"comes after the end of the {self.noun}")
        type_, first_type = members.pop("type", None), _FIRST_TYPES[self.noun]
        if (type_ == first_type) != (self.lines == 0):
            raise wrong(number, f"is not the first line of an exported {self.noun}")
        if type_ == file_format.END:
            if members.get("lines") != self.lines:
                raise wrong(number, f"lines: must be {self.lines}, the number of lines before it")
            self.ended = True
            return None
        self.lines += 1
        if type_ == first_type:
            if members.get("format") != file_format.FORMAT:
                raise wrong(number, f"format: must be {file_format.FORMAT}, export it again")
            await self.start(number, members)
            return None
        table = self.tables.get(type_) if isinstance(type_, str) else None
        if table is None:
            raise wrong(number, f"type: unknown type {str(type_)[:60]!r}")
        return table

    def _row(self, table: ArchiveTable, number: int, members: Members) -> Members:
        encrypted = None if table.secret is None else members.pop(file_format.SEALED, None)
        try:
            row = file_format.to_row(table, members)
            if table.secret is None:
                return row
            encrypted = None if encrypted is None else str(encrypted)
            return table.secret.from_archive(self.db, row, encrypted, self.cipher)
        except errors.InvalidArgument as problem:
            raise wrong(number, problem.message) from None
        except WrongKey:
            raise wrong(number, f"{file_format.SEALED}: was encrypted with another key") from None


async def _records(pieces: AsyncIterator[bytes]) -> AsyncIterator[Record]:
    reader = formats.ndjson(_MAX_LINE)
    async for piece in pieces:
        for record in reader.feed(piece):
            yield record
    for record in reader.end():
        yield record


def wrong(line: int | str, problem: str) -> errors.InvalidArgument:
    """Return the error of a line, or of a range of lines."""
    return errors.InvalidArgument(f"line {line}: {problem}")
