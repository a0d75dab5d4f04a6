"""The first page, and what a browser gets where there is nothing."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from http import HTTPStatus

import httpx
import pytest

from tenantry.core import errors
from tenantry.endpoints.home.web import Home, refusal
from tenantry.i18n import translations
from tenantry.i18n.languages import LANGUAGES
from tenantry.net.http import Request
from tenantry.settings import load
from tenantry.web import words

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def http(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as client:
        yield client


def test_the_first_page_leads_everywhere(http):
    page = http.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    targets = re.findall(r'(?:href|src)="([^"]*)"', page.text)
    assert {"/docs", "/docs/events", "/dev/mail", "/livez", "/readyz", "/openapi.json"} <= {
        *targets
    }
    assert re.search(r"Version \d+\.\d+", page.text)
    assert "tenantry env" in page.text
    for target in targets:
        status = 401 if target in {"/ui/profile/security", "/console"} else 200  # nobody is
        assert http.get(target).status_code == status, target


def test_it_says_what_to_do_where_a_browser_warns(http):
    assert "<code>tenantry trust</code>" in http.get("/").text
    for given in ({"development": "false"}, {"public_url": "http://localhost:8443"}):
        settings = load({f"TENANTRY_{name.upper()}": value for name, value in given.items()})
        page = asyncio.run(Home(settings, "/path").page(Request("GET", "/", "", {}, b"", "req_1")))
        assert b"tenantry trust" not in page.body


def test_there_is_an_icon_in_both_forms(http):
    drawn, packed = http.get("/favicon.svg"), http.get("/favicon.ico")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.text.startswith("<svg ")
    assert packed.headers["content-type"] == "image/vnd.microsoft.icon"
    assert packed.content.startswith(b"\0\0\1\0")
    assert "max-age" in packed.headers["cache-control"]


@pytest.mark.parametrize("path", ["/nope", "/api/v1/nope", "/login", "/dev/nope", "/x" * 2000])
def test_a_browser_gets_a_page_where_there_is_nothing(http, path):
    page = http.get(path, headers=BROWSER)
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/"' in page.text
    assert page.headers["x-request-id"] in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept": "*/*"},
        {"accept": "application/json"},
        {**BROWSER, "authorization": "Bearer x"},
        {**BROWSER, "sec-fetch-mode": "cors"},
    ],
    ids=str,
)
def test_a_program_keeps_its_json(http, headers):
    answer = http.get("/nope", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("path not found")


def test_a_browser_gets_a_page_for_other_refusals_too(http):
    other_verb = http.post("/docs", headers=BROWSER)
    assert other_verb.status_code == 405
    assert other_verb.headers["allow"] == "GET, HEAD, OPTIONS"
    unreadable = http.get("/login/%ff", headers=BROWSER)
    assert unreadable.status_code == 400
    too_large = http.post("/docs", content=b"x" * (1 << 21), headers=BROWSER)
    assert too_large.status_code == 413
    for answer in (other_verb, unreadable, too_large):
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert 'href="/"' in answer.text


def test_what_is_there_for_programs_answers_as_such_in_a_browser(http):
    answer = http.get("/api/v1/organizations", headers=BROWSER)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json"


def test_what_a_stranger_sends_is_text_on_the_page():
    request = Request("GET", "/", "", {}, b"", "req_1")
    error = errors.InvalidArgument("<script>alert(1)</script>" * 100)
    page = refusal(error, request).body.decode()
    assert "<script" not in page
    assert len(page) < 4000


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_is_said_in_the_language_of_the_reader(language):
    request = Request("GET", "/", "", {"accept-language": language}, b"", "req_1")
    translated = {
        (place.partition(":")[0], text) for place, text in translations.catalogue(language)
    }
    titles = set()
    for error in (
        errors.NotFound("page"),
        errors.Busy(),
        errors.PermissionDenied(),
        errors.Internal("req_1"),
    ):
        page = refusal(error, request).body.decode()
        assert f'<html lang="{language}">' in page
        (title,) = re.findall(r"<h1>(.*?)</h1>", page)
        titles.add(title)
        assert ("home", unescape(title)) not in translated
    assert len(titles) == 4


def test_every_sentence_about_an_error_is_of_a_status_that_there_is():
    sections = {key.partition(".")[0] for key in words.of("home", "en").sentences}
    about = {one.removeprefix("refusal_") for one in sections if one.startswith("refusal_")}
    assert about - {"other"} <= {str(status.value) for status in HTTPStatus}
    assert about >= {"404", "429", "503", "other"}
