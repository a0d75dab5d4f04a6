"""The pages below /docs and how they are served."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.resources import files

import httpx
import pytest
from repository import ROOT

from tenantry.core import errors
from tenantry.endpoints.docs import web
from tenantry.endpoints.docs.guides import examples
from tenantry.endpoints.docs.guides import sources as guides
from tenantry.endpoints.docs.guides.highlight import highlight
from tenantry.endpoints.docs.reference import endpoints, failures
from tenantry.endpoints.docs.reference.contents import Contents
from tenantry.endpoints.docs.reference.languages import CLIENT, LANGUAGES, samples
from tenantry.events.webhooks import catalogue
from tenantry.net.http import Request
from tenantry.web import fonts

ELSEWHERE = {"/openapi.json", "/webhooks/schemas/", *(t.path for t in catalogue.TYPES.values())}
VOID = {"meta", "link", "input", "wbr", "br", "img", "source"}


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
        if tag == "a":
            self.targets.append(given["href"])
        if tag in {"script", "img"}:
            self.loaded.append(given.get("src"))
        if tag == "link" and given["rel"] != "alternate":
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
def contents(methods):
    return Contents(methods)


@pytest.fixture(scope="module")
def sources(get, contents):
    """All pages of the API by their path."""
    paths = ["/docs", "/docs/errors", *(entry.url for entry in contents.by_name.values())]
    for _, groups in contents.parts:
        paths += [f"/docs/api/{group.slug}" for group in groups]
    paths += [guide.url for guide in guides.by_path().values()]
    paths += examples.by_url()
    return {path: get(path).body.decode() for path in paths}


@pytest.fixture(scope="module")
def pages(sources):
    return {path: Page(source) for path, source in sources.items()}


def test_every_page_is_whole_and_leads_somewhere(pages):
    for path, page in pages.items():
        assert page.open == [], path
        assert len(page.ids) == len(set(page.ids)), path
        assert page.inline == [], path
        for target in page.targets:
            there, _, anchor = target.partition("#")
            there = there.partition("?")[0]  # the language
            if there in pages:
                assert not anchor or anchor in pages[there].ids, (path, target)
            elif not there:
                assert anchor in page.ids, (path, target)
            else:
                assert there in ELSEWHERE or "://" in there, (path, target)


def test_a_page_is_small(sources):
    """All of them were one page once, of 3.7 MB and 99,663 elements."""
    for path, source in sources.items():
        assert len(source) < 130_000, path
        assert source.count("<") - source.count("</") < 4_500, path


def test_every_operation_has_its_page(pages, reference, contents):
    for operation in reference[0]:
        page = pages[f"/docs/api/{operation.name}"]
        assert operation.path in page.codes
        assert operation.method.path in page.codes
        group = contents.by_name[operation.name].group
        assert f"/docs/api/{operation.name}" in pages[f"/docs/api/{group.slug}"].targets
        assert f"/docs/api/{group.slug}" in pages["/docs"].targets
    assert {each.name for each in endpoints.all_of_them()} < contents.by_name.keys()


def test_every_sample_is_on_its_page(pages, contents):
    for code in samples(CLIENT).values():
        assert code in pages["/docs"].codes
    for name, entry in contents.by_name.items():
        for language, code in samples(entry.method.name if entry.method else name).items():
            assert code in pages[entry.url].codes, (name, language)


def test_every_answer_is_on_its_page(pages, document):
    for path, item in document["paths"].items():
        for operation in item.values() if path.startswith("/api/") else ():
            (status,) = [s for s in operation["responses"] if s.startswith("2")]
            told = operation["responses"][status]["content"]["application/json"]["example"]
            page = pages[f"/docs/api/{operation['operationId']}"]
            assert json.dumps(told, indent=2) in page.codes


def test_the_rules_are_in_words(sources):
    source = sources["/docs/api/CreateOrganization"]
    assert "up to 10 pairs; keys 3 to 25 characters; values 1 to 256 characters" in source
    assert any("starts with <code>org_</code>" in source for source in sources.values())


def test_every_error_is_on_the_page_with_what_to_do(pages, sources):
    page = pages["/docs/errors"]
    for code in ("UNAUTHENTICATED", "PRECONDITION_FAILED", "IDEMPOTENCY_KEY_REUSED"):
        assert code in page.codes
    assert sources["/docs/errors"].count("Solution:") == len(failures.failures())
    assert "not affiliated with Scalekit" in sources["/docs"]


def test_what_is_not_there_is_not_found(get):
    paths = ("/docs/guides/nothing", "/docs/decisions/0001-statements", "/docs/nothing.md")
    for path in (
        *paths,
        "/docs/",
        "/docs/api",
        "/docs/api/",
        "/docs/api/Nothing",
        "/docs/api/../errors",
    ):
        with pytest.raises(errors.RouteNotFound):
            get(path)


def test_nothing_is_loaded_from_elsewhere(get, pages):
    for page in pages.values():
        files_of_ours = [
            url
            for url in page.loaded
            if not url.startswith(("data:", "/docs/diagrams/", "/login/inter.woff2"))
        ]
        assert [url.partition("?")[0] for url in files_of_ours] == [
            "/docs/page.css",
            "/docs/page.js",
        ]
    policy = get("/docs/guides").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "font-src 'self'" in policy
    assert "unsafe" not in policy


def test_pages_use_the_font_of_the_console(get):
    if not fonts.built():
        pytest.skip("the package was not built")
    style = get("/docs/page.css").body.decode()
    page = get("/docs/guides").body.decode()
    for font in fonts.built():
        assert f'src:url("{font.url}")' in style
        assert f'<link rel="preload" href="{font.url}" as="font"' in page


def test_diagrams_are_served_in_light_and_dark(get, sources):
    shown = set()
    for path, source in sources.items():
        found = re.findall(
            r'<picture><source srcset="(/docs/diagrams/[\w-]+-dark\.svg\?v=\w+)" media="[^"]+">'
            r'<img class="diagram" src="(/docs/diagrams/[\w-]+\.svg\?v=\w+)" alt="([^"]+)"',
            source,
        )
        assert len(found) == source.count("<img"), path
        for dark, light, text in found:
            shown |= {dark, light}
            assert len(text) > 100, path  # it says what the diagram shows
    assert len(shown) == 8
    for url in shown:
        answer = get(url)
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "immutable" in answer.headers["cache-control"]
        assert b"style" not in answer.body
        assert b"<script" not in answer.body
    for name in ("nothing.svg", "..", "sign-in"):
        with pytest.raises(errors.RouteNotFound):
            get(f"/docs/diagrams/{name}")


def test_the_diagrams_are_current():
    script = ROOT / "scripts" / "sequences.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_operations_can_be_tried_in_development_alone(get):
    """The pages of these fixtures are those of production."""
    for name in ("CreateOrganization", "ListAuthMethods"):
        html = get(f"/docs/api/{name}").body.decode()
        assert "Try it" not in html
        assert "try.js" not in html
    with pytest.raises(errors.RouteNotFound):
        get("/docs/try.js")


def test_a_language_is_asked_for_by_the_query_and_kept_in_a_cookie(get):
    path = "/docs/api/UpdateOrganization"
    asked = get(f"{path}?language=go")
    assert '<html lang="en" data-language="go">' in asked.body.decode()
    assert asked.headers["set-cookie"] == (
        "docs_language=go; Max-Age=31536000; Path=/docs; SameSite=Lax; Secure"
    )
    assert asked.headers["cache-control"] == "private, no-cache"
    kept = get(path, cookie="other=1; docs_language=go")
    assert kept.body == asked.body
    assert "set-cookie" not in kept.headers
    plain = get(path)
    assert 'data-language="sh">' in plain.body.decode()
    for query, given in (("language=rust", ""), ("language=", "docs_language=<b>"), ("%", "")):
        found = get(f"{path}?{query}", cookie=given)
        assert found.body == plain.body
        assert "set-cookie" not in found.headers
    assert plain.headers["vary"] == "accept-encoding, cookie"
    assert get("/docs.md", cookie="docs_language=go").headers["vary"] == "accept-encoding"
    assert get(f"{path}?language=python", cookie="docs_language=go").body != asked.body


async def test_pages_that_nobody_asks_for_are_forgotten(methods, monkeypatch):
    monkeypatch.setattr(web, "_KEPT", 100_000)
    reference = web.Reference(methods, "https://ten.test")
    for name in ("ListUsers", "GetUser", "CreateUserAndMembership", "ListUsers", "UpdateUser"):
        await reference.page(Request("GET", f"/docs/api/{name}", "", {}, b"", "req_test"))
    kept = reference._pages
    assert [*kept][-2:] == ["/docs/api/ListUsers", "/docs/api/UpdateUser"]
    assert sum(len(page.plain) + len(page.packed) for page in kept.values()) <= 100_000


def test_the_index_finds_fields_errors_and_events(get):
    index = json.loads(get("/docs/search.json").body)

    def having(kind, word):
        at, found = 0, set()
        for distance in index[kind].get(word, ()):
            at += distance
            found.add(index["items"][at][1])
        return found

    assert "Create organization" in having("fields", "external_id")
    assert having("words", "retention") >= {"EVENT_GONE"}
    assert having("words", "introspection") or having("words", "rfc")
    assert "organization.created" in having("words", "organization")
    assert "List events" in having("words", "paginated")
    assert not index["words"].keys() & set(index["stop"])
    assert [*index["words"]] == sorted(index["words"])
    for _, title, url, line in index["items"]:
        path = url.partition("#")[0]
        assert title
        assert line
        assert get(path).status == 200


def test_each_synonym_leads_to_words_of_the_docs(get):
    index = json.loads(get("/docs/search.json").body)
    for typed, terms in index["synonyms"].items():
        for term in terms:
            for word in set(term.split()) - set(index["stop"]):
                assert any(known.startswith(word) for known in index["words"]), (typed, word)


def test_files_may_be_kept_and_the_page_is_asked_for_again(get, pages):
    for url in (url for url in pages["/docs"].loaded if not url.startswith("data:")):
        assert "immutable" in get(url).headers["cache-control"]
    assert get("/docs/page.css").headers["cache-control"] == "no-cache"
    assert get("/docs/page.js").headers["content-type"].startswith("text/javascript")
    assert get("/docs").headers["cache-control"] == "public, max-age=300"


DOCUMENTS = (
    "/docs",
    "/docs/api/GetUser",
    "/docs/search.json",
    "/openapi.json",
    "/docs/events",
    "/webhooks/schemas/",
    "/docs/page.css",
)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_what_is_large_travels_compressed(get, path):
    plain = get(path)
    assert "content-encoding" not in plain.headers
    for accepted in ("gzip, br", "br;q=1.0, GZIP;q=0.5", "*", "deflate, *;q=0.1"):
        zipped = get(path, accept_encoding=accepted)
        assert zipped.headers["content-encoding"] == "gzip"
        assert gzip.decompress(zipped.body) == plain.body
        assert zipped.headers["vary"].split(", ")[0] == "accept-encoding"
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
    reference, made = web.Reference(methods, "https://ten.test"), []
    monkeypatch.setattr(reference, "_openapi", lambda: made.append(1) or "{}")
    asked = [Request("GET", "/openapi.json", "", {}, b"", "req_test") for _ in range(20)]
    answers = await asyncio.gather(*map(reference.openapi, asked))
    assert {answer.body for answer in answers} == {b"{}"}
    assert made == [1]


def test_the_document_is_the_one_of_the_operations(get, document):
    answer = get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == json.loads(json.dumps(document))


def test_style_and_script_know_the_languages():
    static = files("tenantry.endpoints.docs") / "static"
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
    style = (files("tenantry.endpoints.docs") / "static" / "page.css").read_text()
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
