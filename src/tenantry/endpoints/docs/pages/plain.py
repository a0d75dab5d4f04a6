"""The pages as Markdown, each at its address with `.md`, and `/llms.txt`, which lists them."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader

from tenantry.endpoints.docs.guides import examples, markdown, sources
from tenantry.endpoints.docs.pages import operation_page
from tenantry.endpoints.docs.reference.failures import EXAMPLE, failures
from tenantry.endpoints.docs.reference.languages import CLIENT, LANGUAGES, samples

if TYPE_CHECKING:
    from typing import Any

    from tenantry.endpoints.docs.reference.contents import Contents

_EMPTY = re.compile(r"\n{3,}")


def page(contents: Contents, path: str, public_url: str) -> str | None:
    """Return the Markdown of a page; None where there is no such page."""
    if path == "/docs":
        return _render("introduction.md", contents, public_url, samples=_samples(CLIENT))
    if path == "/docs/errors":
        example = json.dumps(EXAMPLE, indent=2)
        return _render("errors.md", contents, public_url, failures=failures(), example=example)
    if guide := sources.by_url().get(path) or examples.by_url().get(path):
        return markdown.text(guide, public_url)
    name = path.removeprefix("/docs/api/")
    if entry := contents.by_name.get(name):
        shown = operation_page.content(entry)
        answer = operation_page.example(entry, public_url)
        return _render(
            "operation.md",
            contents,
            public_url,
            shown=shown,
            samples=_samples(shown.samples),
            example=None if answer is None else json.dumps(answer, indent=2, ensure_ascii=False),
        )
    if group := contents.group(name):
        return _render(
            "group.md",
            contents,
            public_url,
            group=group,
            about=contents.about(group),
            entries=contents.of(group),
        )
    return None


def llms(contents: Contents, public_url: str) -> str:
    """Return the list of all pages for programs that read (https://llmstxt.org)."""
    return _render("llms.txt", contents, public_url, sections=sources.sections())


def _samples(name: str) -> list[tuple[Any, str]]:
    found = samples(name)
    return [(language, found[language.key]) for language in LANGUAGES if language.key in found]


def _render(template: str, contents: Contents, public_url: str, **values: Any) -> str:
    made = _environment().get_template(template)
    text = made.render(**{"contents": contents, "public_url": public_url, **values})
    return _EMPTY.sub("\n\n", text).strip() + "\n"


@functools.cache
def _environment() -> Environment:
    """Return what renders text that is no HTML."""
    return Environment(  # noqa: S701 - Markdown: nothing is escaped there
        loader=PackageLoader("tenantry.endpoints.docs"), trim_blocks=True, lstrip_blocks=True
    )
