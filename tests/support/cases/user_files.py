"""Files of users, and the ways to have them imported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from apis import unique
from wires import rest_error

from tenantry.api import row_validation
from tenantry.tenants.memberships.model import Rules
from tenantry.transfer.bulk import importing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import httpx

    from tenantry.call import Call
    from tenantry.transfer.bulk.report import Report

MASTER_KEY = b"m" * 32
BCRYPT = "$2b$12$" + "abcdefghijklmnopqrstuv" + "abcdefghijklmnopqrstuvwxyz01234"
ARGON2 = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b5dWRWJTmaaJObG"
NDJSON = "application/x-ndjson"
CSV = "text/csv"


def address() -> str:
    """An e-mail address that no other test uses."""
    return f"{unique('ada')}@example.com"


def ndjson(rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows as NDJSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


class Importer:
    """POST /api/v1/users:import."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.http = http
        self.token = token
        self.headers = {"authorization": f"Bearer {token}"}

    async def __call__(
        self, *rows: dict[str, Any], content: Any = None, media_type: str = NDJSON, **switches: bool
    ) -> dict[str, Any]:
        """Import rows, or a file as it is; raise an answer that is no report."""
        answer = await self.http.post(
            "/api/v1/users:import",
            params={name: json.dumps(value) for name, value in switches.items()},
            content=ndjson(rows) if content is None else content,
            headers={**self.headers, "content-type": media_type},
            timeout=120,
        )
        if answer.status_code != 200:
            raise rest_error(answer)
        report: dict[str, Any] = answer.json()
        return report


async def run(
    call: Call,
    *rows: dict[str, Any],
    block_disposable: bool = False,
    block_public: bool = False,
    **order: Any,
) -> Report:
    """Import rows without a server."""

    async def pieces() -> AsyncIterator[bytes]:
        yield ndjson(rows)

    rules = Rules(15, block_disposable, block_public)
    # Small batches: most of these files have several.
    made = importing.Order(
        row_validation.check_user,
        row_validation.check_organization,
        rules,
        "US",
        batch_rows=7,
        **order,
    )
    return await importing.run(call, pieces(), made)


def refusals(report: dict[str, Any]) -> list[tuple[int, str]]:
    """Line and column of each refusal."""
    return [(one["line"], one["field"]) for one in report["refusals"]]
