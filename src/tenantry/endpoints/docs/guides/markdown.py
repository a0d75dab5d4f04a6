"""Markdown of Tenantry's docs as HTML: CommonMark and tables, by markdown-it-py.

HTML in a page is shown as text, but for the few tags that the pages use. Links between pages lead
to where a server has them, those to other files of the source are told as their path.
"""

from __future__ import annotations

import functools
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from tenantry.endpoints.docs.guides import sources
from tenantry.endpoints.docs.guides.highlight import LANGUAGES, highlight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tenantry.endpoints.docs.guides.sources import Guide

    Code = Callable[[Markup, str], Markup]

_TAGS = re.compile(r"&lt;(/?(?:details|summary|code)|details open)&gt;")
_CODE_OR_LINK = re.compile(
    r"^ *```.*?^ *```$|\[(?P<words>(?:`[^`]*`|[^][`])*)\]\((?P<href>[^()\s]+)\)|`[^`]*`",
    re.MULTILINE | re.DOTALL,
)
_LANGUAGES = {"bash": "sh", "shell": "sh", "ts": "js", "tsx": "js", "javascript": "js"}
_LOCAL = "https://localhost:8443"  # the server of the samples


@dataclass(slots=True)
class Rendered:
    """A page of Markdown: its HTML, and its headings of the second level with their anchors."""

    title: str
    html: Markup
    headings: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """The text below one heading."""

    heading: str
    anchor: str
    text: str


@functools.cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table")


@functools.cache
def _renderer() -> RendererHTML:
    return RendererHTML(_parser())


def render(
    guide: Guide, public_url: str, operations: Mapping[tuple[str, str], str], code: Code
) -> Rendered:
    """Return a guide as HTML.

    ``operations`` are the pages of operations by verb and path: code that names one leads there.
    ``code`` makes the block that code stands in, of its HTML and a label.
    """
    tokens = _parser().parse(guide.read())
    anchors, title, headings = _anchors(tokens), "", []
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            text = _plain(tokens[at + 1])
            token.attrSet("id", anchors[at])
            if token.tag == "h1":
                title = title or text
            elif token.tag == "h2":
                headings.append((text, anchors[at]))
        if style := token.attrs.pop("style", ""):  # of a column of figures; the policy allows none
            token.attrSet("class", str(style).rpartition(":")[2])
        if token.children:
            token.children = list(_leading(token.children, guide, public_url))
    return Rendered(title, Markup(_html(tokens, operations, code)), headings)  # noqa: S704


def parts(guide: Guide) -> Iterator[Part]:
    """Yield the text of a guide below each heading, for a search in it."""
    tokens = _parser().parse(guide.read())
    anchors = _anchors(tokens)
    part = Part(guide.title, "", "")
    for at, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag in {"h2", "h3"}:
            yield part
            part = Part(_plain(tokens[at + 1]), anchors[at], "")
        elif token.type == "inline" and tokens[at - 1].type != "heading_open":
            part.text += f"{_plain(token)}\n"
    yield part


def text(guide: Guide, public_url: str) -> str:
    """Return the Markdown of a guide, with links that lead to where a server has things."""

    def leading(found: re.Match[str]) -> str:
        if found["href"] is None:  # code
            return found[0]
        url, source = _target(found["href"], guide, public_url)
        if not url:
            return f"{found['words']} ({source} of the source)"
        path, sharp, anchor = url.partition("#")
        if path in sources.by_url():
            url = f"{public_url}{path}.md{sharp}{anchor}"
        return f"[{found['words']}]({url})"

    return _CODE_OR_LINK.sub(leading, guide.read())


def _html(tokens: Sequence[Token], operations: Mapping[tuple[str, str], str], code: Code) -> str:
    renderer, options = _renderer(), _parser().options
    rules: dict[str, Any] = renderer.rules
    pieces = []
    for at, token in enumerate(tokens):
        if token.type == "inline":
            for child, inner in enumerate(token.children or ()):
                pieces.append(_inline(token.children or [], child, inner, operations))
        elif token.type in {"fence", "code_block"}:
            pieces.append(str(_block(token, code)))
        elif token.type == "html_block":
            pieces.append(_tags(token.content))
        elif token.type in {"table_open", "table_close"}:
            pieces.append(_table(token))
        elif token.type in rules:
            pieces.append(rules[token.type](tokens, at, options, {}))
        else:
            pieces.append(renderer.renderToken(tokens, at, options, {}))
    return "".join(pieces)


def _inline(
    siblings: Sequence[Token], at: int, token: Token, operations: Mapping[tuple[str, str], str]
) -> str:
    renderer, options = _renderer(), _parser().options
    if token.type == "html_inline":
        return _tags(token.content)
    if token.type == "image":  # a server has no pictures: their words do
        return str(escape(token.content))
    if token.type == "code_inline":
        shown = f"<code>{escape(token.content)}</code>"
        inside = sum(one.nesting for one in siblings[:at] if one.type.startswith("link_"))
        verb, _, path = token.content.partition(" ")
        url = operations.get((verb, path.partition("?")[0]))
        return f'<a href="{url}">{shown}</a>' if url and not inside else shown
    rule: Any = renderer.rules.get(token.type)
    if rule is not None:
        return str(rule(siblings, at, options, {}))
    return renderer.renderToken(siblings, at, options, {})


def _block(token: Token, code: Code) -> Markup:
    language = token.info.strip().partition(" ")[0]
    language = _LANGUAGES.get(language, language)
    text = token.content.removesuffix("\n")
    html = highlight(text, language) if language in LANGUAGES else escape(text)
    return code(html, f"Sample in {language}" if language else "Sample")


def _table(token: Token) -> str:
    """Return a table in its own box: on a phone it is wider than the page."""
    if token.type == "table_open":
        return '<div class="scrolls" tabindex="0" role="group" aria-label="Table"><table>\n'
    return "</table></div>\n"


def _tags(html: str) -> str:
    """Return HTML of a page as text, but for the tags that the pages use."""
    if html.startswith("<!--"):
        return ""
    return _TAGS.sub(r"<\1>", str(escape(html)))


def _leading(tokens: Sequence[Token], guide: Guide, public_url: str) -> Iterator[Token]:
    """Yield the tokens with links to files turned into those to where a server has them.

    A file of the source alone is named behind the words of the link, and nothing can be clicked.
    """
    source = ""
    for token in tokens:
        if token.type == "link_open":
            url, source = _target(str(token.attrGet("href") or ""), guide, public_url)
            token.attrSet("href", url)
            if url:
                yield token
        elif token.type == "link_close" and source:
            yield Token("text", "", 0, content=f" ({source} of the source)")
            source = ""
        else:
            yield token


def _target(href: str, guide: Guide, public_url: str) -> tuple[str, str]:
    """Return the address that a link leads to here; "" and a path for a file of the source."""
    if href.startswith(_LOCAL):
        return public_url + href.removeprefix(_LOCAL), ""
    if "://" in href or href.startswith(("#", "/", "mailto:")):
        return href, ""
    path, _, anchor = href.partition("#")
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(guide.path), path))
    there = sources.by_path().get(path.removeprefix("docs/")) if path.startswith("docs/") else None
    if there is None:
        return "", path.removesuffix("/README.md")
    return there.url + (f"#{anchor}" if anchor else ""), ""


def _anchors(tokens: Sequence[Token]) -> dict[int, str]:
    """Return the anchor of each heading, by its place: spelled as on the pages of a code host."""
    found: dict[int, str] = {}
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            text = _plain(tokens[at + 1]).lower()
            stem = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            number, anchor = 0, stem
            while anchor in found.values():
                number += 1
                anchor = f"{stem}-{number}"
            found[at] = anchor
    return found


def _plain(token: Token) -> str:
    """Return the text of an inline token."""
    return "".join(
        " " if child.type == "softbreak" else child.content for child in token.children or ()
    )
