"""Where the code and the link of a mail may stand in it.

A template must not send them elsewhere, such as in the address of a picture. A code stands in text,
by itself; a link does, too, or is the whole `href` of an `<a>`. This is decided on the mail as it
goes out, made with a mark in the place of each secret. HTML that two mail programs may read
differently is refused: only tags that are written in full are taken, and no element whose content
is not read as HTML, that sends its content, or that loads a font or a style sheet, for those tell
what a text or an `href` holds (https://owasp.org/www-community/attacks/CSS_Injection).
"""

from __future__ import annotations

import html
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LINK = "link"
SECRETS = ("otp", LINK)  # names of placeholders

_NAME = r"[a-zA-Z][a-zA-Z0-9:-]*"
_ATTRIBUTE = (
    r"\s+[a-zA-Z_:][\w:.-]*"
    r"""(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=`]+))?"""
)
_CONDITION = r"\[(?:if\s[^\[\]<>]*|endif)\]"  # of Outlook, which reads such a comment as HTML
_TOKEN = re.compile(
    rf"""(?P<text>[^<]+)
    |<(?P<raw>style|title)(?P<raw_attributes>(?:{_ATTRIBUTE})*)\s*>(?P<content>[^<]*)</(?P=raw)\s*>
    |<(?P<tag>{_NAME})(?P<attributes>(?:{_ATTRIBUTE})*)\s*/?>
    |</(?P<end>{_NAME})\s*>
    |<!--(?!-?>)(?P<comment>(?:(?!--).)*)-->
    |<(?P<other>![dD][oO][cC][tT][yY][pP][eE]\s[^<>]*|\?[^<>]*|!{_CONDITION})>""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_REFUSED = frozenset(
    {
        *("applet", "audio", "base", "button", "embed", "form", "frame", "frameset", "iframe"),
        *("input", "link", "listing", "math", "noembed", "noframes", "noscript", "object"),
        *("option", "plaintext", "script", "select", "style", "svg", "template", "textarea"),
        *("title", "video", "xmp"),
    }
)
_REFUSED_STYLE = re.compile(r"\\|@import|@font-face|\[[^\]]*href", re.IGNORECASE)
_INLINE = frozenset(
    {
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em"),
        *("font", "i", "ins", "kbd", "label", "mark", "nobr", "q", "s", "samp", "small", "span"),
        *("strike", "strong", "sub", "sup", "tt", "u", "var", "wbr"),
    }
)
# Beside a secret, up to the next blank: no character that could make an address of it.
_ADDRESS = r"\s./\\@?=&%#+~|^$"
_BEFORE = re.compile(rf"[^{_ADDRESS}]*")
_AFTER = re.compile(rf"[^{_ADDRESS}:]*+[.,;:!?…)\]}}\"'”»›>*_。、！？：；]*")
_ADDRESS_BEGINS = re.compile(r":/|:\\|url:|mailto:", re.IGNORECASE)


class Misplaced(ValueError):
    """A secret is where it may not be: says in which part of the mail, and why."""

    def __init__(self, part: str, problem: str) -> None:
        super().__init__(problem)
        self.part = part


def marks(values: Mapping[str, str]) -> dict[str, str]:
    """Return a text that nobody can guess in the place of each secret among these values."""
    return {name: f"s{secrets.token_hex(16)}" for name in SECRETS if values.get(name)}


def check(subject: str, text: str, markup: str, marked: Mapping[str, str]) -> None:
    """Check a mail that was made with these marks.

    Raises:
        Misplaced: a mark is where its secret may not be.

    """
    if marked.get(LINK, "\n") in subject:
        raise Misplaced("subject", "the subject must not contain the link")
    _check_text("subject", subject, marked)
    _check_text("plain_content", text, marked)
    if any(mark in markup for mark in marked.values()):
        _check_html(markup, marked)


def _check_html(markup: str, marked: Mapping[str, str]) -> None:
    said = "".join(_said(markup, marked))
    _check_text("html_content", said, marked)
    if _count(markup, marked) != sum(markup.count(mark) for mark in marked.values()):
        raise Misplaced("html_content", "mail programs may read this HTML in different ways")


def _count(markup: str, marked: Mapping[str, str]) -> int:
    """Return how many secrets another parser finds where they may be."""
    from lxml import html as parser

    root = parser.document_fromstring(markup)
    texts = [
        text
        for element in root.iter()
        for text in (element.text if isinstance(element.tag, str) else None, element.tail)
        if text
    ]
    texts += [link.get("href", "") for link in root.iter("a")]
    return sum(text.count(mark) for text in texts for mark in marked.values())


def _said(markup: str, marked: Mapping[str, str]) -> Iterator[str]:
    """Yield the text of a mail in HTML, with a line for each element that is not within one."""
    at, opened = 0, dict[str, list[bool]]()  # by name of elements: whether each is within a line
    while at < len(markup):
        token = _TOKEN.match(markup, at)
        if token is None:
            line = markup.count("\n", 0, at) + 1
            begins = _quote(markup[at : at + 400], marked)[:40]
            raise _refused(f"{begins!r} is no complete tag (line {line})")
        at = token.end()
        found = token.groupdict()
        name = (found["tag"] or found["end"] or "").lower()
        if found["text"] is not None:
            yield html.unescape(found["text"])
            continue
        if name in _REFUSED:
            raise _refused(f"<{name}> may not be in a mail with a code or link")
        source = token[0]
        if name == "a" and found["tag"] and LINK in marked:
            source = "".join(_further(found["attributes"], marked[LINK]))
        if any(mark in source for mark in marked.values()):
            raise _refused(
                f"{_quote(source, marked)[:80]} holds the code or link: they may only be text, and "
                'the link also the whole of <a href="…">'
            )
        if found["raw"] and _REFUSED_STYLE.search(found["content"]):
            raise _refused(
                "a style may not use @import, @font-face, a backslash or a selector by href in a "
                "mail with a code or link"
            )
        if found["comment"] is not None:
            # Outlook reads its content as a part of the mail.
            inner = re.sub(rf"\A{_CONDITION}>|<!{_CONDITION}\Z|<!\Z", "", found["comment"])
            yield from ("" for _ in _said(inner, marked))
        if found["tag"]:
            is_inline = name in _INLINE or "inline" in found["attributes"].lower()
            opened.setdefault(name, []).append(is_inline)
        else:
            is_inline = found["comment"] is not None or (opened.get(name) or [False]).pop()
        yield "" if is_inline else "\n"


def _further(attributes: str, link: str) -> Iterator[str]:
    """Yield the attributes but for the address, if that is the link as a whole, in quotes."""
    is_first = True
    for one in re.finditer(_ATTRIBUTE, attributes):
        name, _, value = one[0].partition("=")
        is_href = name.strip().lower() == "href"
        if not (is_href and is_first and value.strip() in {f'"{link}"', f"'{link}'"}):
            yield one[0]
        is_first = is_first and not is_href


def _check_text(part: str, text: str, marked: Mapping[str, str]) -> None:
    for run in re.finditer(r"\S+", text):
        if not any(mark in run[0] for mark in marked.values()):
            continue
        before, _, after = _cut(run[0], marked)
        beside = _BEFORE.fullmatch(before) and _AFTER.fullmatch(after)
        if not beside or _cut(after, marked)[1] or _is_in_brackets(text, run.start()):
            raise Misplaced(
                part,
                "code and link stand by themselves in text, with a blank before and after: "
                f"{_quote(run[0], marked)[:80]!r} could be read as an address",
            )


def _is_in_brackets(text: str, at: int) -> bool:
    """Whether an address in angle brackets, which blanks do not end, may go on at this place."""
    # RFC 3986 appendix C
    start = text.rfind("<", 0, at)
    return start > text.rfind(">", 0, at) and bool(_ADDRESS_BEGINS.search(text, start, at))


def _cut(text: str, marked: Mapping[str, str]) -> tuple[str, str, str]:
    """Return a text before, at and after the first mark in it."""
    found = re.search("|".join(marked.values()), text)
    return (
        (text, "", "") if found is None else (text[: found.start()], found[0], text[found.end() :])
    )


def _refused(problem: str) -> Misplaced:
    return Misplaced("html_content", problem)


def _quote(text: str, marked: Mapping[str, str]) -> str:
    for name, mark in marked.items():
        text = text.replace(mark, f"{{{{ {name} }}}}")
    return text
