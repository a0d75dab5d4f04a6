"""The parts that all pages of the reference share: the frame, code, samples, prose."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from tenantry.endpoints.docs.guides.highlight import highlight
from tenantry.endpoints.docs.reference.languages import LANGUAGES, samples
from tenantry.web import fonts, rendering

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.endpoints.docs.reference.contents import Contents
    from tenantry.endpoints.docs.reference.languages import Language
    from tenantry.web.assets import Asset

_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Frame:
    """The things around every page, and the files that it loads."""

    contents: Contents
    public_url: str
    style_url: str
    script_url: str
    try_url: str = ""  # of the script of "Try it", in development
    language: str = LANGUAGES[0].key  # of the samples that are shown

    @property
    def fonts(self) -> tuple[Asset, ...]:
        """The fonts that the page loads."""
        return fonts.built()

    def render(self, template: str, **values: Any) -> str:
        """Return the page of a template of this package."""
        return environment().get_template(template).render(frame=self, **values)


def highlighted(name: str) -> list[tuple[Language, Markup | None]]:
    """Return the samples of an operation; None for a language that has none."""
    found = samples(name)
    return [
        (language, highlight(found[language.key], language.key) if language.key in found else None)
        for language in LANGUAGES
    ]


def as_json(content: Any) -> Markup:
    """Return JSON as code."""
    return highlight(json.dumps(content, indent=2, ensure_ascii=False), "json")


def _prose(text: str) -> Markup:
    """Return a comment of the contract as HTML: text between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _path(template: str) -> Markup:
    """Return a path with its variables marked, and places to break the line."""
    broken = str(escape(template)).replace("/", "/<wbr>")
    return Markup(re.sub(r"(\{\w+\})", r"<var>\1</var>", broken))  # noqa: S704 - escaped


def _tabbed(found: Sequence[tuple[Language, object]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the label and the key of each language."""
    return [(language.label, (language.key,)) for language, _ in found]


def _tabbed_blocks(
    found: Sequence[tuple[str, tuple[str, ...], Markup]],
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the label of each block and the languages that it is shown for."""
    return [(label, keys) for label, keys, _ in found]


def _listed(names: Iterable[str]) -> Markup:
    return Markup(", ").join(Markup("<code>{}</code>").format(name) for name in names)


@functools.cache
def environment() -> Environment:
    """Return the renderer of this package's templates."""
    made = rendering.environment().overlay(loader=PackageLoader("tenantry.endpoints.docs"))
    made.filters = made.filters | {
        "prose": _prose,
        "path": _path,
        "listed": _listed,
        "tabbed": _tabbed,
        "tabbed_blocks": _tabbed_blocks,
    }
    return made
