"""The guide of the admin portal: its links open, and are revoked, in each language."""

from __future__ import annotations

import re

import httpx
import pytest
from doc_programs import RUNNERS, management, settings_for
from test_guides import blocks, joined, script

from tenantry.endpoints.docs.reference.languages import CLIENT, samples

GUIDE = "admin-portal"
_IDS = {
    "js": "const organizationId = process.env.ORGANIZATION_ID",
    "python": 'organization_id = os.environ["ORGANIZATION_ID"]',
    "go": 'organizationId := os.Getenv("ORGANIZATION_ID")',
}


@pytest.fixture
def organization(own_server):
    """An organization with single sign-on: its id."""
    with management(own_server) as api:
        made = api.post("/api/v1/organizations", json={"display_name": "Acme"}).json()
        yield made["organization"]["id"]


def run(language, source, own_server, organization, folder) -> list[str]:
    """Run a program; return the links that it prints."""
    variables = settings_for(language, own_server) | {"ORGANIZATION_ID": organization}
    done = RUNNERS[language](folder, source, variables)
    outputs = [path.read_text() for path in sorted(folder.glob("*.out"))]
    assert done.returncode == 0, (done.stdout + done.stderr, outputs)
    return re.findall(
        r"^https://\S+/magicLink/\S+$", "\n".join([done.stdout, *outputs]), re.MULTILINE
    )


def opens(own_server, location: str) -> int:
    own = {"sec-fetch-site": "same-origin"}
    with httpx.Client(verify=own_server.trust) as browser:
        shown = browser.get(location)
        if shown.status_code == 200:  # the page with the button
            return browser.post(location, headers=own).status_code
        return shown.status_code


def test_by_curl_a_link_opens_and_a_shared_one_is_revoked(own_server, organization, tmp_path):
    source, _ = script(GUIDE)
    once, shared = run("sh", source, own_server, organization, tmp_path)
    assert (opens(own_server, once), opens(own_server, once)) == (303, 410)
    assert shared.endswith("_p")
    assert opens(own_server, shared) == 410  # the guide has deleted it
    with management(own_server) as api:
        origins = api.get("/api/v1/domains/any").json()["domains"]
        uri = {"redirect_uri": "https://app.example.com/callback"}
        api.delete("/api/v1/environment/redirect-uris", params=uri).raise_for_status()
    assert "https://app.example.com" in origins


@pytest.mark.one_of("js", "python")
@pytest.mark.parametrize(
    "language", ["js", "python", pytest.param("go", marks=pytest.mark.thorough)]
)
def test_in_other_languages_a_link_opens(language, own_server, organization, tmp_path):
    own = [code for of, code in blocks(GUIDE) if of == language]
    source = joined(language, [samples(CLIENT)[language], _IDS[language], *own])
    if language == "go":
        source = source.replace("import (", 'import (\n"fmt"', 1)
    (location,) = run(language, source, own_server, organization, tmp_path)
    assert opens(own_server, location) == 303
