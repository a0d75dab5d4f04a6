"""The guide to self-service does what it says, and its tables are those of the pages."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from doc_programs import RUNNERS, forget, management, settings_for
from servers import TENANTRY
from test_guides import GUIDES, JANE, fits, script

from tenantry import settings
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.identity.connections import environment as connections
from tenantry.identity.connections.model import PASSWORDLESS
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds
from tenantry.web import words
from tenantry.web.frames import areas

GUIDE = "self-service"
_ROW = re.compile(r"^\| (.+?) \| (.+?) \|(?: (.+?) \|)?$", re.MULTILINE)


def rows():
    text = (GUIDES / f"{GUIDE}.md").read_text(encoding="utf-8")
    return [tuple(cell for cell in row if cell) for row in _ROW.findall(text)]


def test_each_page_is_seen_and_changed_by_what_the_guide_says():
    named = {words.of("", "en").plain(f"areas.{area.key}"): area for area in areas.AREAS}
    told = {row[0]: row[1:] for row in rows() if row[0] in named}
    assert told.keys() == named.keys()
    for name, (read, manage) in told.items():
        assert read == f"`{named[name].read}`"
        assert manage.startswith(f"`{named[name].manage}`")


def test_each_feature_shows_the_page_that_the_guide_says():
    of: dict[str, str] = {}
    for area in areas.AREAS:
        name = words.of("", "en").plain(f"areas.{area.key}")
        of[area.feature] = f"{of[area.feature]}, {name}" if area.feature in of else name
    told = {row[0].strip("`"): row[1] for row in rows() if row[0].strip("`") in of}
    assert told == {feature: name for feature, name in of.items() if feature}


@pytest.fixture
def jane(own_server):
    """The state after "Model your tenants": an organization and Jane in it."""
    with management(own_server) as api:

        def create(path, **fields: object):
            made = api.post(f"/api/v1/{path}", json=fields).raise_for_status().json()
            return made.get("user", made)["id"]

        forget(api)
        acme = create("organizations", display_name="Acme Corp", external_id="acme_in_our_app")
        users = f"organizations/{acme}/users?send_invitation_email=false"
        yield acme, create(users, email=JANE, external_id="jane_in_our_app")
        forget(api)
        api.delete("/api/v1/roles/people_lead", params={"reassign_role_name": "member"})


async def signed_in(server, organization_id, user_id):
    """The cookie of a new session."""
    named = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(named)
    async with open_database(known.database, master_key.load(known), pool_size=1) as database:
        _, secret = await sessions.begin(
            Call(SYSTEM, database, "test"),
            user_id=user_id,
            organization_id=organization_id,
            client_id=None,
            amr=[(await connections.of_environment(database))[PASSWORDLESS].id],
            bounds=Bounds(480, None),
            custom_claims={},
        )
    return f"__Host-tenantry_session={secret}"


def test_what_curl_answers_is_what_the_guide_shows_and_jane_sees_it(own_server, jane, tmp_path):
    organization_id, user_id = jane
    source, answers = script(GUIDE)
    environment = {
        "PATH": f"{TENANTRY.parent}:{own_server.environment['PATH']}",
        **settings_for("sh", own_server),
        "ORGANIZATION_ID": organization_id,
        "USER_ID": user_id,
    }
    done = RUNNERS["sh"](tmp_path, source, environment)
    outputs = {path.name: path.read_text() for path in tmp_path.glob("*.out")}
    assert done.returncode == 0, (done.stderr, outputs)
    assert len(answers) == 4
    for name, shown in answers.items():
        answer = json.loads(outputs[name])
        assert fits(shown, answer), (shown, answer)
    cookie = asyncio.run(signed_in(own_server, organization_id, user_id))
    with management(own_server) as api:
        headers = {"cookie": cookie, "accept-language": "en", "authorization": ""}
        first = api.get("/ui/organization", headers=headers, follow_redirects=False)
        assert first.headers["location"] == "/ui/organization/users"
        page = api.get("/ui/organization/users", headers=headers)
        subjects = re.search(r'(?s)<nav class="subjects".*?</nav>', page.text)
        assert subjects is not None
        assert re.findall(r">([^<]+)</a>", subjects[0]) == [
            *("Users", "My account", "Organizations", "Security", "Connected apps"),
        ]
        assert "Invite user" in page.text
