"""The quickstart guide: its commands, run in their order, sign a user in."""

from __future__ import annotations

import os
import re
import subprocess
import time

import pytest
from browsers import chromium_in_step
from people_at_apps import Mailbox, answers, sign_up
from playwright.sync_api import expect
from repository import ROOT
from servers import TENANTRY, free_port

GUIDE = (ROOT / "docs" / "guides" / "quickstart.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def tenantry(start_server):
    """A server as `make serve` starts it: email is not sent, providers are simulated."""
    return start_server("quickstart-guide", background="true", simulator="true")


def test_its_commands_are_those_of_the_readme_and_the_program():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    serve, shell, init, run = BLOCKS
    assert f"```sh\n{serve}```" in readme
    assert shell.splitlines() == ['eval "$(.venv/bin/tenantry env)"', "tenantry trust"]
    assert f"```sh register\n{init}```" in readme
    assert f"```sh run\n{run}```" in readme


@pytest.mark.thorough
def test_a_reader_installs_the_project_and_signs_in(tenantry, tmp_path):
    """With the packages of the index, as a reader has them."""
    port = free_port()
    _, _, init, run = BLOCKS
    url = f"http://localhost:{port}"
    script = "\n".join(
        [
            "set -eu",
            init.strip() + f" --url {url}",
            run.replace(".venv/bin/uvicorn", "exec .venv/bin/uvicorn").replace("8000", str(port)),
        ]
    )
    path = {"PATH": f"{TENANTRY.parent}:{os.environ['PATH']}"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", script],
            cwd=tmp_path,
            env=tenantry.environment | path,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 500
        while not answers(url):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.2)
        with chromium_in_step(tenantry) as browser:
            page = browser.new_context(locale="en-US").new_page()
            page.goto(url)
            email = sign_up(page, Mailbox(tenantry), "Acme Corp")
            expect(page.get_by_text(email)).to_be_visible()
            # The last step: another address, by the simulated identity provider.
            page.get_by_role("button", name="Sign out").click()
            page.get_by_role("link", name="Sign in").click()
            page.get_by_label("Email address").fill("grace@example.com")
            page.get_by_role("button", name="Continue").click()
            page.wait_for_url("**/simulator/**")
    finally:
        process.kill()
        process.wait(60)
