"""Identity providers of tests, which push to a directory by SCIM, and directories for them."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apis import Api, access_token, unique
from factories import Make
from sqlalchemy import insert
from wires import Rest, over_https

from tenantry import settings
from tenantry.core import ids
from tenantry.core.times import now
from tenantry.crypto import master_key, vault
from tenantry.db.opening import open_database
from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import request_log as log
from tenantry.tenants.directories.model import (
    Directory,
    Secret,
    directories,
    directory_secrets,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from servers import LiveServer
    from sqlalchemy import Table

    from tenantry.db.engine import Database
    from tenantry.tenants.directories.request_log import DirectoryRequest

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


@dataclass
class Provider:
    """A client of one directory's SCIM service."""

    http: httpx.AsyncClient
    database: Database
    directory: Directory
    token: str
    domain: str

    async def __call__(
        self, verb: str, path: str, body: Any = None, **given: Any
    ) -> httpx.Response:
        """Send a request to a path below the service's address; `_` in a header is a `-`."""
        query = given.pop("query", None)
        base = given.pop("base", f"/directory/{self.directory.id}/scim/v2")
        headers = {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/scim+json",
            **{name.replace("_", "-"): value for name, value in given.items()},
        }
        content = {"json": body} if not isinstance(body, bytes) else {"content": body}
        return await self.http.request(
            verb,
            f"{base}{path}",
            params=query,
            headers={name: value for name, value in headers.items() if value is not None},
            **(content if body is not None else {}),
        )

    def user(self, name: str, **members: Any) -> dict[str, Any]:
        """A new user's resource."""
        address = f"{name}@{self.domain}"
        return {
            "schemas": [USER],
            "userName": address,
            "externalId": name,
            "active": True,
            "emails": [{"value": address, "type": "work", "primary": True}],
            **members,
        }

    async def create(self, name: str, **members: Any) -> dict[str, Any]:
        """Create a user, and return it."""
        answer = await self("POST", "/Users", self.user(name, **members))
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def create_group(self, name: str, *members: str) -> dict[str, Any]:
        """Create a group of these people, and return it."""
        given = {"displayName": name, "members": [{"value": id_} for id_ in members]}
        answer = await self("POST", "/Groups", {"schemas": [GROUP], **given})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def members(self, group_id: str) -> list[str]:
        """Return the ids of a group's members."""
        answer = await self("GET", f"/Groups/{group_id}")
        return [member["value"] for member in answer.json().get("members", ())]

    async def logged(self, number: int) -> list[DirectoryRequest]:
        """Return the latest requests of the log, once so many are written."""
        until = asyncio.get_running_loop().time() + 60
        while True:
            found = await log.listing(self.database, self.directory, page_size=100)
            if len(found.items) >= number:
                return found.items
            assert asyncio.get_running_loop().time() < until, "the log was not written"
            await asyncio.sleep(0.05)

    async def aclose(self) -> None:
        """Close the connection."""
        await self.http.aclose()


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a PATCH."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


def says_error(answer: httpx.Response, status: int, scim_type: str | None = None) -> str:
    """Check an error, and return its detail."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/scim+json"
    body = answer.json()
    assert body["schemas"] == [ERROR]
    assert body["status"] == str(status)
    assert body.get("scimType") == scim_type, body
    assert body["detail"]
    return str(body["detail"])


async def connect(database: Database, server: LiveServer, make: Make, **members: Any) -> Provider:
    """Make an organization with a domain and a directory with a secret, and its provider."""
    organization = await make.organization(unique("Acme"))
    domain = await make.domain(organization["id"], domain_type="ORGANIZATION_DOMAIN")
    directory = Directory(
        **{
            "id": database.new_id(ids.DIRECTORY),
            "organization_id": organization["id"],
            "name": "Provider",
            "enabled": True,
            "first_enable_time": now(),
            "create_time": now(),
            "update_time": now(),
            **members,
        }
    )
    await _insert(database, directories, directory.to_row())
    token = await add_secret(database, directory)
    return Provider(over_https(server), database, directory, token, domain["domain"])


@asynccontextmanager
async def connected(server: LiveServer, **members: Any) -> AsyncIterator[Provider]:
    """A provider of a directory of a server that is not one of all tests'."""
    async with over_https(server) as http:
        token = await access_token(http, server.client_id, server.client_secret)
    rest = Rest(server)
    known = settings.load(
        {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    )
    async with open_database(known.database, master_key.load(known)) as database:
        make = Make(Api(rest, (("authorization", f"Bearer {token}"),)))
        provider = await connect(database, server, make, **members)
        yield provider
        await provider.aclose()
    await rest.aclose()


async def add_secret(database: Database, directory: Directory, **members: Any) -> str:
    """Give a directory one more secret, and return its text."""
    plain = secrets.token_hex(30)
    secret = Secret(
        **{
            "id": database.new_id(ids.CLIENT_SECRET),
            "organization_id": directory.organization_id,
            "directory_id": directory.id,
            "digest": vault.digest(plain),
            "suffix": plain[-4:],
            "create_time": now(),
            **members,
        }
    )
    await _insert(database, directory_secrets, secret.to_row())
    return plain


async def _insert(database: Database, table: Table, row: dict[str, Any]) -> None:
    columns = named(table)
    statement = Statement(
        insert(table).from_select([c.name for c in columns], rows_of("r", columns))
    )
    await database.fetch_all(statement, r=spelled(columns, [row]))
