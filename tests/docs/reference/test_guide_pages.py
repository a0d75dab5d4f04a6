"""The guides as a server shows them: those of docs/, whole, safe, and leading to each other."""

from __future__ import annotations

import re

import httpx
import pytest
from markupsafe import Markup
from repository import ROOT

from tenantry.core import errors
from tenantry.endpoints.docs.guides import markdown, sources
from tenantry.endpoints.docs.guides.sources import Guide
from tenantry.endpoints.docs.reference.contents import Contents

PUBLIC_URL = "https://tenantry.example.com"
DOCS = ROOT / "docs"


def rendered(monkeypatch, text, path="guides/trial.md"):
    monkeypatch.setattr(Guide, "read", lambda _: text)
    operations = {("POST", "/api/v1/users"): "/docs/api/CreateUser"}
    return markdown.render(
        Guide(path, "Trial", ""),
        "https://ten.test",
        operations,
        lambda html, _label: Markup("<pre>{}</pre>").format(html),
    )


def test_every_page_of_docs_is_listed():
    """A new page gets a line in docs/README.md, or stands there as one of the source alone."""
    listed = set(re.findall(r"\]\(([\w./-]+)\)", (DOCS / "README.md").read_text(encoding="utf-8")))
    served = sources.by_path().keys()
    for folder in ("", "guides", "providers", "directories"):
        for path in DOCS.joinpath(folder).glob("*.md"):
            name = str(path.relative_to(DOCS))
            assert name in listed or name in served, name
    for path in served:
        assert DOCS.joinpath(path).is_file(), path


def test_every_guide_is_whole(get):
    for guide in sources.by_path().values():
        if guide.path == "events.md":  # a page of its own
            continue
        source, html = guide.read(), get(guide.url).body.decode()
        assert "<h1 id=" in html, guide.path
        assert html.count("<pre") == source.count("```") // 2, guide.path
        assert html.count("<table>") == len(
            re.findall(r"^ *\|(?: *:?-+:? *\|)+$", source, re.MULTILINE)
        )
        tabs = html.count("data-languages=") - html.count('class="sample"')
        assert html.count("<details") == source.count("<details") - tabs
        plain = get(f"{guide.url}.md").body.decode()
        assert plain.count("\n") == source.count("\n")
        for href in re.findall(r"\]\(([^()\s]+)\)", re.sub(r"(?s)```.*?```", "", plain)):
            path, _, _ = href.removeprefix(PUBLIC_URL).partition("#")
            if path.startswith("/docs"):
                assert get(path).status == 200
            else:
                assert path == "" or path.startswith(("https://", "/")), href


def test_links_lead_to_where_a_server_has_it(get):
    html = get("/docs/guides/receive-events").body.decode()
    assert 'href="/docs/events"' in html
    assert 'href="/docs/examples/webhook-receiver-fastapi"' in html
    assert 'href="/docs/guides/replay-and-audit' in html
    assert 'href="/docs/guides/single-sign-on"' in get("/docs/guides").body.decode()


def test_every_example_shows_its_files(get):
    root = DOCS.parent / "examples"
    for example in root.iterdir():
        html = get(f"/docs/examples/{example.name}").body.decode()
        assert "<h1 id=" in html
        assert get(f"/docs/examples/{example.name}.md").body.startswith(b"# ")
        for path in example.glob("*.[pjg][yso]*"):  # py, js, json, go
            if path.name == "package-lock.json":
                continue
            assert f'<h3 id="{path.name}">' in html, path
            assert f'href="#{path.name}"' in html, path
        assert "node_modules/" not in html
    nested = get("/docs/examples/quickstart-nextjs").body.decode()
    assert '<h3 id="app/login/route.ts">' in nested


def test_code_of_an_example_links_to_its_file(get):
    html = get("/docs/guides/nextjs").body.decode()
    link = '<a href="/docs/examples/quickstart-nextjs#proxy.ts">quickstart-nextjs/proxy.ts</a>'
    assert f'<p class="source">From {link}</p>' in html
    plain = get("/docs/guides/nextjs.md").body.decode()
    assert f"[quickstart]({PUBLIC_URL}/docs/examples/quickstart-nextjs.md)" in plain


@pytest.mark.parametrize("name", ["nothing", "..", "quickstart-go/main.go", "quickstart-go/../x"])
def test_nothing_but_examples_is_shown(get, name):
    for path in (f"/docs/examples/{name}", f"/docs/examples/{name}.md"):
        with pytest.raises(errors.RouteNotFound):
            get(path)


def test_a_call_that_a_guide_names_leads_to_its_page(get, methods):
    entries = Contents(methods).by_name
    html = get("/docs/guides/single-sign-on").body.decode()
    assert f'href="{entries["CreateSsoUserAttribute"].url}"' in html


def test_html_of_a_page_is_text(monkeypatch):
    html = rendered(
        monkeypatch,
        "# <script>alert(1)</script>\n\n<script>alert(2)</script>\n\n"
        "<img src=x onerror=alert(3)>\n\n[a](javascript:alert(4))\n\n"
        "<details><summary>`x`</summary>\n\ntext <b onclick=x>\n\n</details>\n\n"
        "```html\n<!-- stays -->\n```\n\n<!-- goes -->\n",
    ).html
    assert "<script" not in html
    assert "<img" not in html
    assert "<b " not in html
    assert 'href="javascript' not in html
    assert "<details><summary>" in html
    assert "&lt;!-- stays --&gt;" in html
    assert "goes" not in html


def test_headings_have_the_anchors_of_a_code_host(monkeypatch):
    page = rendered(
        monkeypatch, "# A\n\n## 1. `Keys` & locks\n\n## Twice\n\n## Twice\n\n### Deep\n"
    )
    assert page.title == "A"
    assert page.headings == [
        ("1. Keys & locks", "1-keys--locks"),
        ("Twice", "twice"),
        ("Twice", "twice-1"),
    ]
    assert '<h3 id="deep">' in page.html


def test_links_of_every_kind(monkeypatch):
    html = rendered(
        monkeypatch,
        "[a](mail.md#words) [b](../settings.md) [c](../../examples/x/README.md) "
        "[d](https://localhost:8443/docs) [e](https://example.com) `POST /api/v1/users?x=1` "
        "[`POST /api/v1/users`](mail.md) [f](../decisions/0001-statements.md)",
    ).html
    assert '<a href="/docs/guides/mail#words">a</a>' in html
    assert '<a href="/docs/settings">b</a>' in html
    assert "c (examples/x of the source)" in html
    assert '<a href="https://ten.test/docs">d</a>' in html
    assert '<a href="https://example.com">e</a>' in html
    assert '<a href="/docs/api/CreateUser"><code>POST /api/v1/users?x=1</code></a>' in html
    assert '<a href="/docs/guides/mail"><code>POST /api/v1/users</code></a>' in html
    assert "f (docs/decisions/0001-statements.md of the source)" in html


def test_links_of_every_kind_in_markdown(monkeypatch):
    source = (
        "[a](mail.md#words) [`b`](../settings.md) [c](../../examples/x/README.md)\n"
        "[d](https://localhost:8443/docs) [e](https://example.com) [f](#here) `[g](mail.md)`\n"
        "[h\ni](mail.md)\n\n  ```md\n  [j](mail.md)\n  ```\n"
    )
    monkeypatch.setattr(Guide, "read", lambda _: source)
    assert markdown.text(Guide("guides/trial.md", "Trial", ""), "https://ten.test") == (
        "[a](https://ten.test/docs/guides/mail.md#words) [`b`](https://ten.test/docs/settings.md) "
        "c (examples/x of the source)\n"
        "[d](https://ten.test/docs) [e](https://example.com) [f](#here) `[g](mail.md)`\n"
        "[h\ni](https://ten.test/docs/guides/mail.md)\n\n  ```md\n  [j](mail.md)\n  ```\n"
    )


@pytest.mark.parametrize("path", ["/llms.txt", "/docs.md", "/docs/api/roles-and-permissions.md"])
def test_what_programs_read_leads_to_pages(get, path):
    text = get(path).body.decode()
    links = re.findall(r"\]\(https://tenantry\.example\.com(/[^)]*)\)", text)
    assert len(links) > 10
    for link in set(links):
        assert get(link).headers["content-type"] == "text/markdown; charset=utf-8", link


def test_an_operation_is_told_to_programs(get):
    text = get("/docs/api/UpdateOrganization.md").body.decode()
    assert text.startswith("# Update organization\n\n`PATCH /api/v1/organizations/{id}`\n")
    assert "- `display_name` (string): Display name, 1 to 200 characters." in text
    assert text.count("```") == 12
    assert "error_code" in get("/docs/errors.md").body.decode()
    assert get("/docs/events.md").body.startswith(b"# Events\n")


def test_the_running_server_shows_them(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as client:
        assert "/docs/guides" in client.get("/").text
        assert client.get("/docs/guides/mail").headers["content-type"] == "text/html; charset=utf-8"
        assert client.get("/llms.txt").text.startswith("# Tenantry\n")
        assert client.head("/docs/guides/mail").status_code == 200
