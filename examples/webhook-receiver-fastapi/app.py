"""A receiver of webhooks: it checks the sender, keeps each event once, answers, and works later."""

import asyncio
import json
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from fastapi import FastAPI, HTTPException, Request, Response
from scalekit import ScalekitClient
from scalekit.common.exceptions import WebhookVerificationError

SECRET = os.environ["WEBHOOK_SECRET"]
INBOX = os.environ.get("INBOX", "inbox.db")
TABLES = """
CREATE TABLE IF NOT EXISTS inbox
    (id TEXT PRIMARY KEY, event TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS organizations
    (id TEXT PRIMARY KEY, display_name TEXT, event_id TEXT NOT NULL);
"""

sdk = ScalekitClient(
    os.environ["SCALEKIT_ENVIRONMENT_URL"],
    os.environ["SCALEKIT_CLIENT_ID"],
    os.environ["SCALEKIT_CLIENT_SECRET"],
)
arrived = asyncio.Event()
log = logging.getLogger("uvicorn.error")


def inbox() -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(INBOX))


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    with inbox() as db:
        db.executescript(TABLES)
    worker = asyncio.create_task(work())
    yield
    worker.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks", status_code=201)
async def receive(request: Request, response: Response) -> None:
    """Answer as soon as the event is on disk: Tenantry waits ten seconds at most."""
    body = await request.body()  # its bytes are signed: parse it only afterwards
    try:
        sdk.verify_webhook_payload(SECRET, dict(request.headers), body)
    except (WebhookVerificationError, ValueError):
        raise HTTPException(400, "the signature does not fit") from None
    if not await asyncio.to_thread(keep, request.headers["webhook-id"], body.decode()):
        response.status_code = 200  # it has come before
    arrived.set()


def keep(event_id: str, event: str) -> bool:
    """Put an event into the inbox, unless it is there: it may be delivered more than once."""
    with inbox() as db, db:
        added = db.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?, 0)", (event_id, event))
        return added.rowcount == 1


async def work() -> None:
    """Handle events of the inbox, also those left there when this program ended."""
    while True:
        arrived.clear()
        try:
            while await asyncio.to_thread(handle_next):
                pass
        except Exception:
            log.exception("an event could not be handled; trying again")
            await asyncio.sleep(5)
        else:
            await arrived.wait()


def handle_next() -> bool:
    with inbox() as db, db:  # one transaction: either both are done, or none
        row = db.execute("SELECT id, event FROM inbox WHERE NOT done LIMIT 1").fetchone()
        if row is None:
            return False
        handle(db, json.loads(row[1]))
        db.execute("UPDATE inbox SET done = 1 WHERE id = ?", row[:1])
        return True


def handle(db: sqlite3.Connection, event: dict) -> None:
    """Keep a copy of the names of all organizations.

    Events may come in another order than they happened. Of two about one object the later one has
    the greater id, so an older one never undoes a newer one.
    """
    if event["type"] not in {
        "organization.created",
        "organization.updated",
        "organization.deleted",
    }:
        return
    gone = event["type"] == "organization.deleted"
    name = None if gone else event["data"]["display_name"]
    db.execute(
        "INSERT INTO organizations VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " display_name = excluded.display_name, event_id = excluded.event_id"
        " WHERE excluded.event_id > event_id",
        (event["data"]["id"], name, event["id"]),
    )


@app.get("/organizations")
def organizations() -> dict[str, str]:
    """Show the copy."""
    with inbox() as db:
        found = db.execute("SELECT id, display_name FROM organizations WHERE display_name NOTNULL")
        return dict(found.fetchall())
