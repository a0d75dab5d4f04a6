"""Takes the pictures of the README, docs/pictures/*.png, of a server that it starts.

Needs chromium. Run it after a change of the pages: make pictures.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
SIGN_IN = {"width": 900, "height": 620}
REFERENCE = {"width": 1440, "height": 640}
_TENANTRY = Path(sys.executable).with_name("tenantry")
_SECONDS = 60.0


@contextmanager
def _server() -> Iterator[dict[str, str]]:
    """Run a server in a folder of its own; yield what `tenantry env` prints."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = os.environ | {
            "TENANTRY_LISTEN": f"127.0.0.1:{port}",
            "TENANTRY_PUBLIC_URL": f"https://localhost:{port}",
            "TENANTRY_DATA_DIR": f"{folder}/data",
            "TENANTRY_APP_NAME": "Acme Projects",
        }
        with Path(folder, "log").open("wb") as log:
            started = subprocess.Popen([_TENANTRY, "serve"], env=environment, stdout=log)
        try:
            _await(port)
            printed = subprocess.check_output([_TENANTRY, "env", "--json"], env=environment)
            yield json.loads(printed)
        finally:
            started.terminate()
            started.wait()


def _await(port: int) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _ask(env: dict[str, str], path: str, token: str = "", **members: Any) -> Any:
    """POST a form, or JSON with a token, and return the JSON that is answered."""
    encoded = json.dumps(members) if token else urllib.parse.urlencode(members)
    kind = "application/json" if token else "application/x-www-form-urlencoded"
    request = urllib.request.Request(env["SCALEKIT_ENVIRONMENT_URL"] + path, encoded.encode())
    request.add_header("content-type", kind)
    if token:
        request.add_header("authorization", f"Bearer {token}")
    trust = ssl.create_default_context(cafile=env["TENANTRY_CA"])
    with urllib.request.urlopen(request, context=trust) as answer:
        return json.load(answer)


def _sign_in_page(env: dict[str, str]) -> str:
    """Return the address at which an application begins a sign-in."""
    credentials = {"client_id": env["SCALEKIT_CLIENT_ID"], "grant_type": "client_credentials"}
    credentials["client_secret"] = env["SCALEKIT_CLIENT_SECRET"]
    token = _ask(env, "/oauth/token", **credentials)["access_token"]
    callback = "https://app.example.com/callback"
    application = {"name": "Acme Projects", "client_type": "WEB_APP", "post_login_uris": [callback]}
    made = _ask(env, "/api/v1/clients", token, **application)["client"]
    asked = {"response_type": "code", "client_id": made["id"], "redirect_uri": callback}
    asked |= {"scope": "openid email", "state": "s" * 32, "code_challenge_method": "S256"}
    asked["code_challenge"] = "c" * 43
    return f"{env['SCALEKIT_ENVIRONMENT_URL']}/oauth/authorize?{urllib.parse.urlencode(asked)}"


def main() -> None:
    """Take them all."""
    PICTURES.mkdir(exist_ok=True)
    with _server() as env, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        pages = {
            "sign-in": (_sign_in_page(env), SIGN_IN),
            "reference": (
                f"{env['SCALEKIT_ENVIRONMENT_URL']}/docs#UpdateOrganization",
                REFERENCE,
            ),
        }
        for name, (address, size) in pages.items():
            context = browser.new_context(
                viewport=size,  # type: ignore[arg-type]
                color_scheme="light",
                ignore_https_errors=True,
            )
            page = context.new_page()
            page.goto(address)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=PICTURES / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
