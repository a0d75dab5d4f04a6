"""The catalogue of events as people read it, and the schemas that programs read."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest
from repository import ROOT
from test_docs_page import Page

from tenantry.core.event import OURS
from tenantry.endpoints.docs.reference import event_types
from tenantry.events.webhooks import catalogue

PUBLIC_URL = "https://tenantry.example.com"


@pytest.fixture(scope="module")
def source(get):
    return get("/docs/events").body.decode()


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def test_the_page_is_whole(page):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    targets = {target[1:] for target in page.targets if target.startswith("#")}
    assert targets <= set(page.ids)
    assert page.inline == []
    urls = [url for url in page.loaded if not url.startswith(("data:", "/login/inter.woff2"))]
    assert [url.partition("?")[0] for url in urls] == ["/docs/page.css", "/docs/page.js"]


def test_every_type_is_on_the_page_and_in_the_list(page, source):
    for kind in catalogue.TYPES.values():
        assert kind.name in page.ids
        assert f"#{kind.name}" in page.targets
        assert f'href="{kind.path}"' in source
    for name in OURS:
        assert name in page.codes


def test_every_member_is_on_the_page(page):
    for _, types in event_types.groups():
        for member in event_types.data(types[0]):
            assert member.name in page.codes
        assert json.dumps(event_types.example(types[0]), indent=2) in page.codes


def test_members_are_told_with_all_that_their_schema_says():
    of = {member.name: member for member in event_types.data(catalogue.TYPES["user.login"])}
    assert of["user.id"].rules == ("starts with `usr_`",)
    assert of["user_session"].required
    assert not of["user_session.status"].required
    assert of["user_session.expired_at"].type == "time or null"
    assert of["user_session.authenticated_organizations"].type == "list of strings"
    of = {member.name: member for member in event_types.data(catalogue.TYPES["role.created"])}
    assert of["permissions"].rules == ("Tenantry extension",)
    of = {
        member.name: member
        for member in event_types.data(catalogue.TYPES["organization.domain_created"])
    }
    assert of["domain_type"].choices == ("ORGANIZATION_DOMAIN", "ALLOWED_EMAIL_DOMAIN")


def test_the_pages_lead_to_each_other(get, source):
    assert 'href="/docs"' in source
    assert 'href="/docs/events"' in get("/docs").body.decode()


def test_each_schema_is_at_its_address(get):
    listed = json.loads(get("/webhooks/schemas/").body)["event_types"]
    assert [one["type"] for one in listed] == list(catalogue.TYPES)
    for one in listed:
        path = one["schema"].removeprefix(PUBLIC_URL)
        answer = get(path)
        assert answer.headers["content-type"] == "application/schema+json"
        assert json.loads(answer.body) == catalogue.schema(one["type"], PUBLIC_URL)
        assert json.loads(answer.body)["$id"] == one["schema"]


def test_the_file_in_docs_is_current():
    done = subprocess.run(
        [sys.executable, "scripts/events.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_running_server_shows_them(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as client:
        assert client.get("/docs/events").headers["content-type"] == "text/html; charset=utf-8"
        origin = {"origin": "https://elsewhere.example"}
        listed = client.get("/webhooks/schemas/", headers=origin)
        assert listed.headers["access-control-allow-origin"] == "https://elsewhere.example"
        (url,) = [
            one["schema"]
            for one in listed.json()["event_types"]
            if one["type"] == "organization.created"
        ]
        schema = client.get(url).json()
        assert (schema["$id"], schema["title"]) == (url, "organization.created")
        assert client.get("/webhooks/schemas/organization.exploded.json").status_code == 404
