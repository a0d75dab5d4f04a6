"""The guide of directories does what it says."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
from doc_programs import RUNNERS, forget, management, settings_for
from servers import TENANTRY
from sqlalchemy import select
from test_guides import GUIDES, blocks, fits, joined, script

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import events as log
from tenantry.db.sql.statements import Statement
from tenantry.endpoints.docs.reference.languages import CLIENT, samples

# The ids of the blocks before, in each language.
_FOUND = {
    "js": "const {name} = process.env.{upper}",
    "python": '{snake} = os.environ["{upper}"]',
    "go": '{name} := os.Getenv("{upper}")',
}
_NAMES = {
    "organizationId": "organization_id",
    "directoryId": "directory_id",
    "domainId": "domain_id",
}

GO = pytest.mark.thorough  # compiling takes its time


def test_what_curl_answers_is_what_the_guide_shows(own_server, tmp_path):
    with management(own_server) as api:
        forget(api)
        made = {"display_name": "Acme Corp", "external_id": "acme_in_our_app"}
        acme = api.post("/api/v1/organizations", json=made).raise_for_status().json()
        source, answers = script("directories")
        variables = settings_for("sh", own_server) | {"ORGANIZATION_ID": acme["id"]}
        variables["PATH"] = f"{TENANTRY.parent}:{own_server.environment['PATH']}"
        done = RUNNERS["sh"](tmp_path, source, variables)
        outputs = {path.name: path.read_text() for path in tmp_path.glob("*.out")}
        assert done.returncode == 0, (done.stderr, outputs)
        assert len(answers) > 8
        text = (GUIDES / "directories.md").read_text(encoding="utf-8")
        for name, shown in answers.items():
            answer = json.loads(outputs[name])
            assert fits(shown, answer), (shown, answer)
        page = api.get(f"/api/v1/organizations/{acme['id']}/users").raise_for_status().json()
        events = re.findall(r"^\| \d \| `(organization\.[\w.]+)` \|", text, re.MULTILINE)
        assert asyncio.run(told(own_server, acme["id"])) == events
        assert page["users"] == []  # the reader goes on with those of before
        forget(api)


async def told(server, organization_id):
    """The types of the events of people and groups, in their order."""
    named = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(named)
    statement = Statement(
        select(log.c.type)
        .where(log.c.organization_id == organization_id)
        .where(log.c.type.startswith("organization.directory."))
        .order_by(log.c.id)
    )
    async with open_database(known.database, master_key.load(known), pool_size=1) as database:
        return [row["type"] for row in await database.fetch_all(statement)]


def found(language, names):
    lines = (
        _FOUND[language].format(name=name, snake=_NAMES[name], upper=_NAMES[name].upper())
        for name in names
    )
    return "\n".join(lines)


@pytest.mark.parametrize("language", ["js", "python", pytest.param("go", marks=GO)])
def test_each_language_makes_a_directory_and_reads_its_people(language, own_server, tmp_path):
    code = [block for of, block in blocks("directories") if of == language]
    assert len(code) == 5
    with management(own_server) as api:
        forget(api)
        made = {"display_name": "Acme Corp", "external_id": "acme_in_our_app"}
        acme = api.post("/api/v1/organizations", json=made).raise_for_status().json()
        variables = settings_for(language, own_server) | {"ORGANIZATION_ID": acme["id"]}

        def run(folder, names, blocks_of_it):
            own = [samples(CLIENT)[language], found(language, names), *blocks_of_it]
            (tmp_path / folder).mkdir()
            done = RUNNERS[language](tmp_path / folder, joined(language, own), variables)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        run("set_up", ["organizationId"], code[:3])
        path = f"/api/v1/organizations/{acme['id']}"
        (directory,) = api.get(f"{path}/directories").raise_for_status().json()["directories"]
        (domain,) = api.get(f"{path}/domains").raise_for_status().json()["domains"]
        assert directory["enabled"]
        assert domain["domain"] == "acme.com"
        secrets = f"{path}/directories/{directory['id']}/secrets"
        secret = api.post(secrets, json={}).raise_for_status().json()["plain_secret"]
        kim = {"userName": "kim@acme.com", "name": {"familyName": "Lee"}}
        httpx.post(
            f"{directory['directory_endpoint']}/Users",
            json=kim,
            headers={"authorization": f"Bearer {secret}"},
            verify=own_server.trust,
        ).raise_for_status()
        variables |= {"DIRECTORY_ID": directory["id"], "DOMAIN_ID": domain["id"]}
        names = ["organizationId", "directoryId", "domainId"]
        assert "kim@acme.com Lee []" in run("later", names, code[3:])
        assert api.get(f"{path}/directories").json()["directories"] == []
        assert api.get(f"{path}/domains").json()["domains"] == []
        forget(api)
