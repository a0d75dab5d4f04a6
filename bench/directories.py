"""Measure identity providers that push by SCIM: people, filters, and members of groups.

``python bench/run.py --ops --scim 1000000`` writes so many people of a directory into a PostgreSQL
of its own, 50,000 of them in one group. Others it creates as a provider does, with accounts: each
connection changes some of its own. ``mixed`` is, in turn: create, deactivate or activate, find by
userName, add a member, remove it.
"""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgresql import PostgreSQL
    from serving import Server

ONE_GROUP = "scim members of 50,000"
CALLS = (
    *("scim mixed", "scim create", "scim activate", "scim find", "scim find among all"),
    *("scim find no one", "scim members", ONE_GROUP, "scim group", "scim page"),
)
_TYPE = "application/scim+json"
_DOMAIN = "acme.example.com"
_FIRST = 10**18  # of ids
_MOST_MEMBERS = 50_000
_SAMPLE = 5000  # requests
_BLOCKS = 10  # people of a connection
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_FILL = (
    """
INSERT INTO directory_users
  (organization_id, directory_id, id, user_name, user_name_key, external_id, display_name_key,
   email, email_key, active, document, revision, names_revision, create_time, update_time)
SELECT '{organization}', '{directory}', 'diruser_' || {first} + n, name, name, 'x' || n,
  'person ' || n, name, name, true, jsonb_build_object('userName', name, 'displayName',
  'Person ' || n, 'emails', jsonb_build_array(jsonb_build_object('value', name))), 1, 1, {at}, {at}
FROM generate_series(1, {count}) AS n, LATERAL (SELECT 'p' || n || '@{domain}' AS name) AS named
""",
    """
INSERT INTO directory_emails (organization_id, directory_id, email_key, directory_user_id)
SELECT organization_id, directory_id, email_key, id FROM directory_users
WHERE organization_id = '{organization}' AND id >= 'diruser_' || {first}
ON CONFLICT DO NOTHING
""",
    """
INSERT INTO directory_users_search (organization_id, directory_id, directory_user_id, text, grams)
SELECT organization_id, directory_id, id, text, array_to_tsvector(ARRAY(
  SELECT substr(text, i, 5) FROM generate_series(1, length(text) - 2) AS i
) || (chr(30) || directory_id))
FROM directory_users, LATERAL (
  SELECT user_name_key || chr(31) || display_name_key || chr(31) || email_key AS text
) AS folded
WHERE organization_id = '{organization}' AND id >= 'diruser_' || {first}
""",
    """
INSERT INTO directory_groups
  (organization_id, directory_id, id, display_name, display_name_key, document, member_count,
   revision, create_time, update_time)
SELECT '{organization}', '{directory}', 'dirgroup_{first}', 'Many', 'many',
  '{{"displayName": "Many"}}', {members}, 1, {at}, {at}
""",
    """
INSERT INTO directory_members
  (organization_id, directory_id, directory_group_id, directory_user_id)
SELECT '{organization}', '{directory}', 'dirgroup_{first}', 'diruser_' || {first} + n
FROM generate_series(1, {members}) AS n
""",
    """
INSERT INTO directory_tallies (organization_id, directory_id, slot, n)
VALUES ('{organization}', '{directory}', 99, {count})
""",
)


class Directories:
    """A server with a directory, its people and groups."""

    def __init__(
        self,
        server: Server,
        postgresql: PostgreSQL | None,
        count: int,
        connections: int,
        *,
        domain: str = _DOMAIN,
    ) -> None:
        self._server = server
        self._postgresql = postgresql
        self._count = count
        self._connections = connections
        self._headers = {"authorization": f"Bearer {server.token()}"}
        organization = self._post("/api/v1/organizations", {"display_name": "Acme"})
        self.organization_id = organization["organization"]["id"]
        base = f"/api/v1/organizations/{self.organization_id}"
        owned = {"domain": domain, "domain_type": "ORGANIZATION_DOMAIN"}
        self._post(f"{base}/domains", owned)
        body = {"directory_type": "SCIM", "directory_provider": "OKTA"}
        self.directory_id = self._post(f"{base}/directories", body)["directory"]["id"]
        of = f"{base}/directories/{self.directory_id}"
        self.token = self._post(f"{of}/secrets", {})["plain_secret"]
        server.http.patch(f"{of}:enable", json={}, headers=self._headers).raise_for_status()
        self.base = f"/directory/{self.directory_id}/scim/v2"
        self._people: list[tuple[str, str]] = []  # ids and names
        self._groups: list[str] = []

    def fill(self) -> None:
        """Write the many, and create the few."""
        parameters = {
            "organization": self.organization_id,
            "directory": self.directory_id,
            "first": _FIRST,
            "count": self._count,
            "members": min(self._count, _MOST_MEMBERS),
            "domain": _DOMAIN,
            "at": time.time_ns() // 1000,
        }
        assert self._postgresql is not None
        for statement in _FILL:
            self._postgresql.execute(statement.format(**parameters))
        self._postgresql.settle()
        for number in range(_BLOCKS * self._connections):
            name = f"ada{number}@{_DOMAIN}"
            self._people.append((self._push("/Users", person(name))["id"], name))
        for number in range(self._connections):
            made = self._push("/Groups", {"displayName": f"Group {number}"})
            self._groups.append(made["id"])

    def targets(self, call: str) -> list[str]:
        """Return the requests of a call: verb, path, media type and body of each.

        They are written in rows, one for each connection, which takes its own from each row; a
        single one takes all.
        """
        make = getattr(self, "_" + call.removeprefix("scim ").replace(" ", "_").replace(",", ""))
        columns = [list(make(number)) for number in range(self._connections)]
        return [line for row in zip(*columns, strict=True) for line in row]

    def _own(self, connection: int) -> list[tuple[str, str]]:
        return self._people[connection :: self._connections]

    def _mixed(self, connection: int) -> Iterator[str]:
        group = self._groups[connection]
        for active in (False, True):
            for id_, name in self._own(connection):
                yield self._line("POST", "/Users", person(f"{{serial}}@{_DOMAIN}"))
                yield self._activation(id_, active=active)
                yield self._search(name)
                yield self._member("add", group, id_)
                yield self._member("remove", group, id_)

    def _create(self, connection: int) -> Iterator[str]:
        del connection
        yield self._line("POST", "/Users", person(f"{{serial}}@{_DOMAIN}"))

    def _activate(self, connection: int) -> Iterator[str]:
        for active in (False, True):
            for id_, _ in self._own(connection):
                yield self._activation(id_, active=active)

    def _find(self, connection: int) -> Iterator[str]:
        for _, name in self._own(connection):
            yield self._search(name)

    def _find_among_all(self, connection: int) -> Iterator[str]:
        chance = random.Random(connection)
        for _ in range(_SAMPLE // self._connections):
            yield self._search(f"p{1 + chance.randrange(self._count)}@{_DOMAIN}")

    def _find_no_one(self, connection: int) -> Iterator[str]:
        for number in range(_BLOCKS):
            yield self._search(f"nobody{number}-{connection}@{_DOMAIN}")

    def _members(self, connection: int) -> Iterator[str]:
        for id_, _ in self._own(connection):
            for op in ("add", "remove"):
                yield self._member(op, self._groups[connection], id_)

    def _members_of_50000(self, connection: int) -> Iterator[str]:
        for id_, _ in self._own(connection):
            for op in ("add", "remove"):
                yield self._member(op, f"dirgroup_{_FIRST}", id_)

    def _group(self, connection: int) -> Iterator[str]:
        del connection
        yield self._line("GET", f"/Groups/dirgroup_{_FIRST}?excludedAttributes=members")

    def _page(self, connection: int) -> Iterator[str]:
        del connection
        yield self._line("GET", "/Users?startIndex=1&count=100")

    def _activation(self, id_: str, *, active: bool) -> str:
        operation = {"op": "replace", "value": {"active": active}}
        return self._line("PATCH", f"/Users/{id_}", patch(operation))

    def _member(self, op: str, group: str, id_: str) -> str:
        operation: dict[str, Any] = {"op": "add", "path": "members", "value": [{"value": id_}]}
        if op == "remove":
            operation = {"op": "remove", "path": f'members[value eq "{id_}"]'}
        return self._line("PATCH", f"/Groups/{group}", patch(operation))

    def _search(self, name: str) -> str:
        wanted = quote(f'userName eq "{name}"')
        return self._line("GET", f"/Users?filter={wanted}")

    def _line(self, verb: str, path: str, body: dict[str, Any] | None = None) -> str:
        text = "" if body is None else json.dumps(body)
        return f"{verb}\t{self.base}{path}\t{_TYPE}\t{text}"

    def _push(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self._server.http.post(self.base + path, json=body, headers=headers)
        made: dict[str, Any] = answer.raise_for_status().json()
        return made

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._server.http.post(path, json=body, headers=self._headers)
        made: dict[str, Any] = answer.raise_for_status().json()
        return made


def person(name: str) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "externalId": name,
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "displayName": "Ada Lovelace",
        "emails": [{"value": name, "type": "work", "primary": True}],
        "locale": "en-GB",
        "active": True,
    }


def patch(operation: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [_PATCH], "Operations": [operation]}
