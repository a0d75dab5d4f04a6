"""The page at /docs and how it is served."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import httpx
import pytest

from tenantry.doors.reference import web
from tenantry.doors.reference.highlight import highlight
from tenantry.doors.reference.languages import CLIENT, LANGUAGES, samples
from tenantry.web import Request

VOID = {"meta", "link", "input", "wbr", "br"}


class Page(HTMLParser):
    """The parts of the page: ids, links, loaded files, radio groups, text by article."""

    def __init__(self, source) -> None:
        super().__init__()
        self.ids, self.targets, self.loaded, self.open = [], [], [], []
        self.inline, self.codes = [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and given["href"].startswith("#"):
            self.targets.append(given["href"][1:])
        if tag in {"script", "img"}:
            self.loaded.append(given.get("src"))
        if tag == "link":
            self.loaded.append(given["href"])
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "code":
            self.codes.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "code" in self.open:
            self.codes[-1] += data


@pytest.fixture(scope="module")
def source(get):
    return get("/docs").body.decode()


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def test_the_page_is_whole(page):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)


def test_every_operation_is_on_the_page_and_in_the_list(page, reference):
    for operation in reference[0]:
        assert operation.name in page.ids
        assert page.targets.count(operation.name) >= 2
        assert operation.path in page.codes
        assert operation.method.path in page.codes


def test_every_sample_is_on_the_page(page, methods):
    for name in [CLIENT, *(method.name for method in methods)]:
        for language, code in samples(name).items():
            assert code in page.codes, (name, language)


def test_every_answer_is_on_the_page(page, document):
    for path, item in document["paths"].items():
        for operation in item.values() if path.startswith("/api/") else ():
            (status,) = [s for s in operation["responses"] if s.startswith("2")]
            told = operation["responses"][status]["content"]["application/json"]["example"]
            assert json.dumps(told, indent=2) in page.codes


def test_the_rules_are_in_words(source):
    assert "up to 10 pairs; keys 3 to 25 characters; values 1 to 256 characters" in source
    assert "starts with <code>org_</code>" in source


def test_every_error_status_is_on_the_page(page, source):
    for code in ("UNAUTHENTICATED", "PRECONDITION_FAILED", "IDEMPOTENCY_KEY_REUSED"):
        assert code in page.codes
    assert "not affiliated with Scalekit" in source


def test_nothing_is_loaded_from_elsewhere(get, page):
    files_of_ours = [url for url in page.loaded if not url.startswith("data:")]
    assert [url.partition("?")[0] for url in files_of_ours] == ["/docs/page.css", "/docs/page.js"]
    assert page.inline == []
    policy = get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_files_may_be_kept_and_the_page_is_asked_for_again(get, page):
    for url in (url for url in page.loaded if not url.startswith("data:")):
        assert "immutable" in get(url).headers["cache-control"]
    assert get("/docs/page.css").headers["cache-control"] == "no-cache"
    assert get("/docs/page.js").headers["content-type"].startswith("text/javascript")
    assert get("/docs").headers["cache-control"] == "public, max-age=300"


DOCUMENTS = ("/docs", "/openapi.json", "/docs/events", "/webhooks/schemas/", "/docs/page.css")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_what_is_large_travels_compressed(get, path):
    plain = get(path)
    assert "content-encoding" not in plain.headers
    for accepted in ("gzip, br", "br;q=1.0, GZIP;q=0.5", "*", "deflate, *;q=0.1"):
        zipped = get(path, accept_encoding=accepted)
        assert zipped.headers["content-encoding"] == "gzip"
        assert gzip.decompress(zipped.body) == plain.body
        assert zipped.headers["vary"] == "accept-encoding"
        assert len(zipped.body) < 250_000
    for accepted in ("", "br", "gzip;q=0", "*, gzip;q=0.000", "gzipped", "identity"):
        assert get(path, accept_encoding=accepted).body == plain.body


@pytest.mark.parametrize("path", DOCUMENTS)
def test_who_has_it_already_is_told_so(get, path):
    for accepted in ("gzip", "identity"):
        first = get(path, accept_encoding=accepted)
        tag = first.headers["etag"]
        for known in (tag, f'"another", W/{tag}', "*"):
            again = get(path, accept_encoding=accepted, if_none_match=known)
            assert (again.status, again.body) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["cache-control"] == first.headers["cache-control"]
        assert get(path, accept_encoding=accepted, if_none_match='"another"').status == 200
    assert get(path, accept_encoding="gzip").headers["etag"] != get(path).headers["etag"]


async def test_a_document_is_made_once_however_many_ask(methods, monkeypatch):
    door, made = web.Reference(methods, "https://ten.test"), []
    monkeypatch.setattr(door, "_openapi", lambda: made.append(1) or "{}")
    asked = [Request("GET", "/openapi.json", "", {}, b"", "req_test") for _ in range(20)]
    answers = await asyncio.gather(*map(door.openapi, asked))
    assert {answer.body for answer in answers} == {b"{}"}
    assert made == [1]


def test_the_document_is_the_one_of_the_operations(get, document):
    answer = get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == json.loads(json.dumps(document))


def test_style_and_script_know_the_languages():
    static = files("tenantry.doors.reference") / "static"
    style, script = (static / "page.css").read_text(), (static / "page.js").read_text()
    keys = [language.key for language in LANGUAGES]
    assert re.findall(r'html\[data-language="(\w+)"\]', style) == keys
    assert f"({'|'.join(keys)})" in script


def test_code_is_escaped_and_marked():
    marked = highlight('x = "<a>"  # <b>', "python")
    assert marked == (
        'x = <span class="string">&#34;&lt;a&gt;&#34;</span>  '
        '<span class="comment"># &lt;b&gt;</span>'
    )
    assert re.sub(r"<.*?>", "", highlight('{"a": [1, true]}', "json")) == (
        "{&#34;a&#34;: [1, true]}"
    )


def test_the_running_server_shows_it(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as client:
        page = client.get("/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        for url in re.findall(r'(?:href|src)="(/docs/[^"]+)"', page.text):
            assert client.get(url).status_code == 200
        document = client.get("/openapi.json", headers={"origin": "https://elsewhere.example"})
        assert document.json()["servers"] == [{"url": live_server.url}]
        assert document.headers["access-control-allow-origin"] == "https://elsewhere.example"


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    channels = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    r, g, b = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_text_stands_out_in_light_and_dark():
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    style = (files("tenantry.doors.reference") / "static" / "page.css").read_text()
    colours = {
        name: (light, dark)
        for name, light, dark in re.findall(r"--(\w+): light-dark\((#\w+), (#\w+)\)", style)
    }
    text = ["ink", "quiet", "accent", "get", "post", "patch", "put", "delete"]
    pairs = [(name, ground) for name in text for ground in ("paper", "panel")]
    pairs += [("accent", "tint"), ("ink", "tint"), *((verb, "tint") for verb in text[3:])]
    for name, ground in pairs:
        for scheme in (0, 1):
            lights = luminance(colours[name][scheme]), luminance(colours[ground][scheme])
            ratio = (max(lights) + 0.05) / (min(lights) + 0.05)
            assert ratio >= 4.5, (name, ground, scheme, round(ratio, 2))
