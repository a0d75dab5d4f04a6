"""The pages of the guides, rendered from the Markdown that the source has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from tenantry.endpoints.docs.guides import markdown, sources
from tenantry.endpoints.docs.guides.examples import Example
from tenantry.endpoints.docs.guides.highlight import highlight
from tenantry.endpoints.docs.pages.page import environment

if TYPE_CHECKING:
    from tenantry.endpoints.docs.guides.examples import File
    from tenantry.endpoints.docs.guides.sources import Guide
    from tenantry.endpoints.docs.pages.page import Frame


def render(frame: Frame, guide: Guide) -> str:
    """Return the page of a guide, or of an example: its README and its files."""
    macros: Any = environment().get_template("macros.html").module
    operations = {(e.verb, e.path): e.url for e in frame.contents.by_name.values()}
    rendered = markdown.render(
        guide,
        frame.public_url,
        operations,
        macros.code,
        lambda name, blocks: macros.guide_sample(guide.url, name, frame.language, blocks),
    )
    listed = [each for _, found in sources.sections() for each in found]
    at = listed.index(guide) if guide in listed else -1
    shown = guide.files() if isinstance(guide, Example) else ()
    return frame.render(
        "example.html" if shown else "guide.html",
        files=[(file, _code(file)) for file in shown],
        current=guide.url,
        guide=guide,
        sections=sources.sections(),
        rendered=rendered,
        before=listed[at - 1] if at > 0 else None,
        after=listed[at + 1] if at + 1 < len(listed) else None,
    )


def _code(file: File) -> Markup:
    return highlight(file.text, file.language) if file.language else escape(file.text)
