"""Measure people: the same calls on few users and on many, loaded by the bulk import.

``python bench/run.py --people 1000000`` loads that many users over a tenth as many organizations
into a PostgreSQL of its own, and 1,000 users into another; on each, one more user is a member of
10,000 organizations, of which many have no other. The table shows each call on both and the ratio
of their p99: what grows with the number of users shows there.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving import Server

FEW = 1000
HEAVY = 10_000  # organizations of the one user with many
HEAVY_CALL = "get heavy user"
_SAMPLE = 5000  # requests
_FEW_TARGETS = 500  # where each has to be looked up first
_DOMAINS = 5000
_NAMES = ("ada", "grace", "edsger", "barbara", "alan", "margaret", "donald", "frances", "niklaus")

# Each call with the way it is sent; those that write come last.
CALLS = {
    "get user": "path",
    "list users": "path",
    "search users": "path",
    "search in vain": "path",
    "list members": "path",
    "user's permissions": "path",
    HEAVY_CALL: "path",
    "heavy user's roles": "path",
    "create member": "join",
    "invite": "invite",
}


@dataclass(frozen=True)
class Loaded:
    """One import: how many rows, how fast."""

    users: int
    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


class People:
    """A server whose database holds so many users."""

    def __init__(self, server: Server, users: int) -> None:
        self._server = server
        self._users = users
        self._organizations = users // 10  # of ten members each, whatever the size
        self._headers = {"authorization": f"Bearer {server.token()}"}

    def load(self) -> Loaded:
        """Import them; say how fast that was."""
        path = self._server.folder / f"users-{self._users}.ndjson"
        with path.open("w") as file:
            rows = sum(bool(file.write(json.dumps(row) + "\n")) for row in self._rows())
        began = time.perf_counter()
        done = subprocess.run(
            [
                *(self._server.program.command, "import", "users", str(path)),
                *("--create-organizations", "--json"),
            ],
            env=self._server.environment,
            cwd=self._server.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"bench: the import failed\n{done.stdout[-999:]}{done.stderr[-999:]}")
        path.unlink()
        return Loaded(self._users, rows, seconds)

    def _rows(self) -> Iterator[dict[str, object]]:
        chance = random.Random(4)
        for number in range(self._users):
            yield {
                "email": f"{_address(number)}{chance.randrange(_DOMAINS):x}.example.com",
                "external_id": f"crm-{number}",
                "given_name": "Ada",
                "family_name": f"Lovelace {number % 997}",
                **self._in(number % self._organizations),
                "roles": ["admin" if number < self._organizations else "member"],
                "metadata": {"plan": "enterprise"},
            }
        for number in range(HEAVY):
            yield {"email": "heavy@example.com", "external_id": "crm-heavy", **self._in(number)}

    @staticmethod
    def _in(number: int) -> dict[str, object]:
        return {
            "organization_external_id": f"acme-{number}",
            "organization_name": f"Acme {number}",
        }

    def targets(self, call: str) -> list[str]:
        """Return what a call is sent to: paths, or the ids of organizations for one that writes."""
        chance = random.Random(call)
        numbers = [chance.randrange(self._users) for _ in range(_SAMPLE)]
        users, by_external_id = "/api/v1/users", "/api/v1/users:external"
        match call:
            case "get user":
                found = [f"{by_external_id}/crm-{number}" for number in numbers]
            case "list users":
                found = [f"{users}?page_size=30"]
            case "search users":
                found = [f"{users}:search?page_size=30&query={_address(n)}" for n in numbers]
            case "search in vain":
                found = [f"{users}:search?query=zz{number:x}qq" for number in numbers]
            case _ if call == HEAVY_CALL:
                found = [f"{by_external_id}/crm-heavy"]
            case "user's permissions" | "heavy user's roles":
                found = self._of_members(call, numbers[:_FEW_TARGETS])
            case "list members":
                found = [f"/api/v1/organizations/{one}/users?page_size=30" for one in self._ids()]
            case _:
                found = self._ids()
        return found * (1 if len(found) > 1 else _SAMPLE)

    def _ids(self) -> list[str]:
        path = "/api/v1/organizations:external/acme-{}"
        there = range(self._organizations)
        chosen = random.Random(7).sample(there, min(_FEW_TARGETS, len(there)))
        return [self._get(path.format(number))["id"] for number in chosen]

    def _of_members(self, call: str, numbers: list[int]) -> list[str]:
        if call == "heavy user's roles":
            heavy = self._get("/api/v1/users:external/crm-heavy")["user"]
            found = [(heavy, one) for one in heavy["memberships"]]
            what = "roles"
        else:
            members = [self._get(f"/api/v1/users:external/crm-{n}")["user"] for n in numbers]
            found = [(user, user["memberships"][0]) for user in members]
            what = "permissions"
        return [
            f"/api/v1/organizations/{one['organization_id']}/users/{user['id']}/{what}"
            for user, one in found
        ]

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._server.http.get(path, headers=self._headers)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


def _address(number: int) -> str:
    """Return the beginning of the e-mail address of one user and of no other."""
    return f"{_NAMES[number % len(_NAMES)]}.{number:x}@"
