"""Measure discovery: the connection that people of a domain sign in by, among very many.

``python bench/run.py --domains 100000`` writes so many domains, each of an organization and with a
connection of its own, into a PostgreSQL of its own. A call asks for the connection of one of them.
The browser's own discovery looks it up by the same index, and keeps what it has found.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postgresql import PostgreSQL
    from serving import Server

CALLS = {"connection of a domain": "path", "of no domain": "path"}
_SAMPLE = 5000  # requests
_FIRST = 10**18  # of ids
_FILL = (
    """
INSERT INTO organizations
  (id, display_name, region_code, metadata, features, revision, create_time, update_time)
SELECT 'org_' || {first} + n, 'Acme ' || n, 'US', '{{}}', '{{}}', 1, {at}, {at}
FROM generate_series(1, {count}) AS n
""",
    """
INSERT INTO domains
  (id, organization_id, domain, domain_type, verification_status, verification_method,
   txt_record_key, txt_record_secret, revision, create_time, update_time)
SELECT 'dom_' || {first} + n, 'org_' || {first} + n, 'acme-' || n || '.example.com',
  'ORGANIZATION_DOMAIN', 'VERIFIED', 'ADMIN', '', '', 1, {at}, {at}
FROM generate_series(1, {count}) AS n
""",
    """
INSERT INTO connections
  (id, organization_id, type, provider, key_id, status, enabled, settings, revision,
   create_time, update_time)
SELECT 'conn_' || {first} + n, 'org_' || {first} + n, 'SAML', 'OKTA', 'key-' || n, 'COMPLETED',
  true, jsonb_build_object('idp_entity_id', 'https://idp.example.com/' || n), 1, {at}, {at}
FROM generate_series(1, {count}) AS n
""",
)


class Discovery:
    """A server whose database holds so many domains with connections."""

    def __init__(self, server: Server, postgresql: PostgreSQL, count: int) -> None:
        self._server = server
        self._postgresql = postgresql
        self._count = count

    def fill(self) -> None:
        """Write them."""
        at = time.time_ns() // 1000
        for statement in _FILL:
            self._postgresql.execute(statement.format(first=_FIRST, count=self._count, at=at))
        self._postgresql.settle()
        (found,) = self._ask(1)
        if found["id"] != f"conn_{_FIRST + 1}":
            raise SystemExit(f"bench: the domain leads to {found}")

    def targets(self, call: str) -> list[str]:
        """Return the paths of a call."""
        chance = random.Random(call)
        first = self._count if call == "of no domain" else 0
        numbers = (first + 1 + chance.randrange(self._count) for _ in range(_SAMPLE))
        return [_path(number) for number in numbers]

    def _ask(self, number: int) -> list[dict[str, object]]:
        headers = {"authorization": f"Bearer {self._server.token()}"}
        answer = self._server.http.get(_path(number), headers=headers)
        found: list[dict[str, object]] = answer.raise_for_status().json()["connections"]
        return found


def _path(number: int) -> str:
    return f"/api/v1/connections?domain=acme-{number}.example.com"
