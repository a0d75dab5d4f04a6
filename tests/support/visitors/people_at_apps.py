"""Applications that sign people in, as people use them in a browser."""

from __future__ import annotations

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from apis import unique
from playwright.sync_api import expect
from sqlalchemy import bindparam, update

from tenantry import settings
from tenantry.access.clients.model import clients
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.events.email import service as mail
from tenantry.identity.security_notices import service as security_notices

CODE = re.compile(r"^\d{6}$", re.MULTILINE)
LINK = re.compile(r"^https://\S+$", re.MULTILINE)


_SHORTEN = Statement(
    update(clients)
    .where(clients.c.id == bindparam("p_id"))
    # The middleware refreshes ten seconds before the end.
    .values(expiry=12)
    .returning(clients.c.id)
)


def answers(url):
    try:
        # In the clear, and asked often: to read all of the machine's roots takes long.
        return httpx.get(url, verify=False).status_code == 200
    except httpx.TransportError:
        return False


class Mailbox:
    """The server's mails, as its database keeps them without a mail server."""

    def __init__(self, server) -> None:
        named = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
        self._settings = settings.load(named)
        self._seen: set[str] = set()

    def newest(self, email: str) -> str:
        """The text of the mail that has come to an address since it was last asked for."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with ThreadPoolExecutor() as pool:  # the browser has the event loop of this thread
                text = pool.submit(asyncio.run, self._unseen(email)).result()
            if text is not None:
                return text
            time.sleep(0.2)
        raise AssertionError(f"no mail to {email}")

    async def _unseen(self, email: str) -> str | None:
        known = self._settings
        async with open_database(known.database, master_key.load(known), pool_size=1) as database:
            for one in await mail.newest(database, limit=200):
                if one.template in security_notices.TEMPLATES:
                    continue  # notices; a mail that was asked for may still be on its way
                if one.recipient == email and one.id not in self._seen:
                    found = await mail.find(database, one.id)
                    if found is not None and found[1] is not None:
                        self._seen.add(one.id)
                        return found[1].text
        return None


def sign_up(page, mailbox, organization, *, arrived=None):
    """Sign up with a code and found an organization; return the address.

    The application shows that it knows who it is by ``arrived``, else by a heading.
    """
    email = f"{unique('ada')}@example.net"
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code").fill(CODE.findall(mailbox.newest(email))[0])  # goes by itself
    page.get_by_label("Organization name").fill(organization)
    page.get_by_role("button", name=re.compile("Continue|Create")).click()
    heading = page.get_by_role("heading", name=organization, exact=True)
    expect(heading if arrived is None else arrived).to_be_visible()
    return email


def shorten(tenantry, client_id: str) -> None:
    """Let access tokens end soon, for a refresh to be due: sooner than the API takes."""
    environment = tenantry.environment.items()
    known = settings.load({k: v for k, v in environment if k.startswith("TENANTRY_")})

    async def change() -> None:
        async with open_database(known.database, master_key.load(known), pool_size=1) as database:
            assert await database.fetch_one(_SHORTEN, p_id=client_id)

    with ThreadPoolExecutor() as pool:  # a browser may have the event loop of this thread
        pool.submit(asyncio.run, change()).result()


def name_somebody(page, local, *, button="Sign in"):
    """Sign in at the simulated identity provider as a user with this local part."""
    expect(page.get_by_role("heading", name="Sign in as any user")).to_be_visible()
    page.get_by_label("Email address").fill(local)
    page.get_by_label("First name").fill("Ann")
    page.get_by_label("Last name").fill("Lee")
    page.get_by_role("button", name=button, exact=True).click()
