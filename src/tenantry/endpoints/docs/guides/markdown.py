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

from tenantry.endpoints.docs.guides import diagrams, examples, sources
from tenantry.endpoints.docs.guides.highlight import LANGUAGES, highlight
from tenantry.endpoints.docs.reference.languages import LANGUAGES as LANGUAGES_SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tenantry.endpoints.docs.guides.sources import Guide

    Code = Callable[[Markup, str], Markup]
    # A label, the languages that the block is shown for, and the block.
    Block = tuple[str, tuple[str, ...], Markup]
    Sample = Callable[[str, Sequence[Block]], Markup]

_TAGS = re.compile(r"&lt;(/?(?:details|summary|code)|details open)&gt;")
_CODE_OR_LINK = re.compile(
    r"^ *```.*?^ *```$|\[(?P<words>(?:`[^`]*`|[^][`])*)\]\((?P<href>[^()\s]+)\)|`[^`]*`",
    re.MULTILINE | re.DOTALL,
)
_LANGUAGES = {"bash": "sh", "shell": "sh", "ts": "js", "tsx": "js", "javascript": "js"}
_DETAILS = re.compile(r"^(?:</details>\n+)?<details><summary>([\w.]+)</summary>\n?$")
_END = "</details>"
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


@dataclass(slots=True)
class _Languages:
    """A sample in several languages: its code by language, and the response to the first one."""

    code: dict[str, Token]
    answer: Token | None
    end: int  # the index of the token after it


@functools.cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table")


@functools.cache
def _renderer() -> RendererHTML:
    return RendererHTML(_parser())


def render(
    guide: Guide,
    public_url: str,
    operations: Mapping[tuple[str, str], str],
    code: Code,
    sample: Sample | None = None,
) -> Rendered:
    """Return a guide as HTML.

    ``operations`` are the pages of operations by verb and path: code that names one leads there.
    ``code`` makes the block that code stands in, of its HTML and a label. ``sample`` makes tabs of
    a shell sample that is followed by the same in other languages, of its id and its blocks.
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
    html = _html(tokens, operations, code, sample)
    return Rendered(title, Markup(html), headings)  # noqa: S704


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
        if path in sources.by_url() or path in examples.by_url():
            url = f"{public_url}{path}.md{sharp}{anchor}"
        return f"[{found['words']}]({url})"

    return _CODE_OR_LINK.sub(leading, guide.read())


def _html(
    tokens: Sequence[Token],
    operations: Mapping[tuple[str, str], str],
    code: Code,
    sample: Sample | None,
) -> str:
    pieces = []
    samples, end = 0, 0
    for at in range(len(tokens)):
        if at < end:  # a part of the last sample
            continue
        found = _languages(tokens, at) if sample is not None else None
        if sample is None or found is None:
            pieces.append(_piece(tokens, at, operations, code))
            continue
        samples, end = samples + 1, found.end
        pieces.append(str(sample(f"sample-{samples}", _blocks(found.code, code))))
        if found.answer is not None:
            pieces.append(str(_block(found.answer, code)))
    return "".join(pieces)


def _piece(
    tokens: Sequence[Token], at: int, operations: Mapping[tuple[str, str], str], code: Code
) -> str:
    renderer, options = _renderer(), _parser().options
    rules: dict[str, Any] = renderer.rules
    token = tokens[at]
    if token.type == "inline":
        children = token.children or []
        return "".join(_inline(children, i, child, operations) for i, child in enumerate(children))
    if token.type in {"fence", "code_block"}:
        return str(_block(token, code))
    if token.type == "html_block":
        return _tags(token.content)
    if token.type in {"table_open", "table_close"}:
        return _table(token)
    if token.type in rules:
        return str(rules[token.type](tokens, at, options, {}))
    return renderer.renderToken(tokens, at, options, {})


def _inline(
    siblings: Sequence[Token], at: int, token: Token, operations: Mapping[tuple[str, str], str]
) -> str:
    renderer, options = _renderer(), _parser().options
    if token.type == "html_inline":
        return _tags(token.content)
    if token.type == "image":
        return str(_image(token))
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


def _languages(tokens: Sequence[Token], at: int) -> _Languages | None:
    """Return the sample in several languages that begins here, None if none begins here.

    It is a shell block, maybe with its response, followed by a folded block for each of the other
    languages.
    """
    if tokens[at].type != "fence" or tokens[at].info.strip() != "sh":
        return None
    found = {LANGUAGES_SHOWN[0].key: tokens[at]}
    keys = {language.label: language.key for language in LANGUAGES_SHOWN}
    at += 1
    answer = None
    if at < len(tokens) and tokens[at].type == "fence" and tokens[at].info.strip() == "json":
        answer, at = tokens[at], at + 1
    while at + 2 < len(tokens) and tokens[at].type == "html_block":
        summary = _DETAILS.match(tokens[at].content)
        key = keys.get(summary[1]) if summary else None
        if key is None or tokens[at + 1].type != "fence":
            break
        found[key] = tokens[at + 1]
        at += 2
    ended = at < len(tokens) and tokens[at].content.strip() == _END
    return _Languages(found, answer, at + 1) if len(found) > 1 and ended else None


def _blocks(found: Mapping[str, Token], code: Code) -> list[Block]:
    """Return the blocks of a sample; the first one is also shown for languages without one."""
    missing = tuple(language.key for language in LANGUAGES_SHOWN if language.key not in found)
    return [
        (
            language.label,
            (language.key, *(missing if language is LANGUAGES_SHOWN[0] else ())),
            _block(found[language.key], code),
        )
        for language in LANGUAGES_SHOWN
        if language.key in found
    ]


def _block(token: Token, code: Code) -> Markup:
    language = token.info.strip().partition(" ")[0]
    language = _LANGUAGES.get(language, language)
    text = token.content.removesuffix("\n")
    html = highlight(text, language) if language in LANGUAGES else escape(text)
    block = code(html, f"Sample in {language}" if language else "Sample")
    path = token.info.strip().partition(" ")[2]
    if not (url := examples.url_of(path)):
        return block
    return Markup('<p class="source">From <a href="{}">{}</a></p>\n{}').format(
        url, path.removeprefix("examples/"), block
    )


def _image(token: Token) -> Markup:
    """Return a diagram in light and dark; of other pictures, which are not served, the text."""
    diagram = diagrams.find(posixpath.basename(str(token.attrGet("src"))))
    if diagram is None:
        return escape(token.content)
    return Markup(
        '<picture><source srcset="{}" media="(prefers-color-scheme: dark)">'
        '<img class="diagram" src="{}" alt="{}" width="{}" height="{}"></picture>'
    ).format(
        diagram.dark_url,
        diagram.url,
        " ".join(token.content.split()),
        diagram.width,
        diagram.height,
    )


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
    if url := examples.url_of(path):
        return url, ""
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
