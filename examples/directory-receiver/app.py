"""A receiver of webhooks that keeps a table of users in step with the directories of customers."""

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from fastapi import FastAPI, HTTPException, Request
from scalekit import ScalekitClient
from scalekit.common.exceptions import WebhookVerificationError

SECRET = os.environ["WEBHOOK_SECRET"]
USERS = os.environ.get("USERS", "users.db")
TABLE = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    active INTEGER NOT NULL,
    roles TEXT NOT NULL,
    event_id TEXT NOT NULL
);
"""
# A deleted user stays as a row that is not active: an older event may still come.
UPSERT = """
INSERT INTO users VALUES (:id, :organization_id, :email, :name, :active, :roles, :event_id)
ON CONFLICT (id) DO UPDATE SET
    email = excluded.email, name = excluded.name, active = excluded.active,
    roles = excluded.roles, event_id = excluded.event_id
WHERE excluded.event_id > event_id
"""
OF_USERS = "organization.directory.user_"

sdk = ScalekitClient(
    os.environ["SCALEKIT_ENVIRONMENT_URL"],
    os.environ["SCALEKIT_CLIENT_ID"],
    os.environ["SCALEKIT_CLIENT_SECRET"],
)


def database() -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(USERS))


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    with database() as db:
        db.executescript(TABLE)
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks", status_code=201)
async def receive(request: Request) -> None:
    """Answer 2xx once the change is on disk; otherwise Tenantry sends the event again."""
    body = await request.body()  # its bytes are signed: parse it only afterwards
    try:
        sdk.verify_webhook_payload(SECRET, dict(request.headers), body)
    except (WebhookVerificationError, ValueError):
        raise HTTPException(400, "the signature does not fit") from None
    event = json.loads(body)
    if event["type"].startswith(OF_USERS):
        await asyncio.to_thread(keep, event)


def keep(event: dict) -> None:
    """Keep a user as the event has it.

    One statement makes it right for events that come twice or in another order: of two about one
    user the later one has the greater id.
    """
    user = event["data"]
    deleted = event["type"] == f"{OF_USERS}deleted"
    names = user.get("given_name"), user.get("family_name")
    row = {
        "id": user["id"],
        "organization_id": user["organization_id"],
        "email": user["email"],
        "name": " ".join(filter(None, names)),
        "active": not deleted and bool(user.get("active")),
        "roles": json.dumps([one["role_name"] for one in user.get("roles") or ()]),
        "event_id": event["id"],
    }
    with database() as db, db:
        db.execute(UPSERT, row)


@app.get("/users")
def users() -> list[dict]:
    """Show the users of the application."""
    with database() as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT * FROM users WHERE active ORDER BY email").fetchall()
    return [{**row, "roles": json.loads(row["roles"]), "active": True} for row in map(dict, rows)]
