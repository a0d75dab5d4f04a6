"""nanoidp, an identity provider of somebody else, as a process of its own."""

from __future__ import annotations

import html
import http.client
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import yaml
from servers import free_port, without_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

START_SECONDS = 30.0
PASSWORD = "correct-horse"


@contextmanager
def running(folder: Path, *people: str, port: int = 0, **sections: Any) -> Iterator[str]:
    """Start it for these people, by e-mail address; yield its URL.

    ``sections`` are those of its settings, beside the ones that all need.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "config_version": 1,
        "server": {"host": "127.0.0.1", "port": port},
        "oauth": {"issuer": url, **sections.pop("oauth", {})},
        **sections,
    }
    users = {
        email.partition("@")[0]: {
            "password": PASSWORD,
            "email": email,
            "roles": ["USER"],
            "groups": ["staff", "admins"],
            "tenant": "default",
        }
        for email in people
    }
    config = folder / "config"
    config.mkdir()
    (config / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (config / "users.yaml").write_text(
        yaml.safe_dump({"config_version": 1, "users": users}), encoding="utf-8"
    )
    log = folder / "nanoidp.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nanoidp", "--config", config],
            cwd=folder,
            env=without_settings(),
            stdout=output,
            stderr=output,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(port):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < until, log.read_text(errors="replace")
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/saml/metadata")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def form_of(page: httpx.Response) -> tuple[str, dict[str, str]]:
    """The address and the fields of the form of a page."""
    form = re.findall(r"<form\b.*?</form>", page.text, re.DOTALL)[-1]
    action = re.search(r'action="([^"]*)"', form)
    fields = {}
    for tag in re.findall(r"<input\b[^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if "name" in attributes:
            fields[attributes["name"]] = html.unescape(attributes.get("value", ""))
    return urljoin(str(page.url), html.unescape(action[1]) if action else ""), fields


async def sign_in(http_: httpx.AsyncClient, page: httpx.Response, email: str) -> httpx.Response:
    """Fill in its form."""
    action, fields = form_of(page)
    given = {"username": email.partition("@")[0], "password": PASSWORD}
    return await http_.post(action, data=fields | given)
