"""The page at `/docs`: the operations as HTML, with their samples and an example of each answer."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from tenantry.doors.reference import examples
from tenantry.doors.reference.comments import comment
from tenantry.doors.reference.failures import EXAMPLE, failures
from tenantry.doors.reference.highlight import highlight
from tenantry.doors.reference.languages import CLIENT, LANGUAGES, samples
from tenantry.doors.reference.openapi import access
from tenantry.pages import rendering

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.doors.reference.languages import Language
    from tenantry.doors.reference.operations import Member, Operation

_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation as the page shows it."""

    operation: Operation
    access: str
    inputs: list[tuple[str, list[Member]]]  # parameters, under the heading of their place
    samples: list[tuple[Language, Markup | None]]
    answer: Markup

    @property
    def words(self) -> str:
        """Everything that the filter looks in, in lower case."""
        o = self.operation
        return f"{o.title} {o.name} {o.verb} {o.path} {o.summary}".lower()


def render(
    operations: Sequence[Operation], public_url: str, *, style_url: str, script_url: str
) -> str:
    """Return the page of these operations."""
    groups: dict[str, list[Entry]] = {}
    for operation in operations:
        groups.setdefault(operation.tag, []).append(_entry(operation, public_url))
    return (
        environment()
        .get_template("page.html")
        .render(
            public_url=public_url,
            style_url=style_url,
            script_url=script_url,
            languages=LANGUAGES,
            groups=[
                (tag, comment(entries[0].operation.method.service), entries)
                for tag, entries in groups.items()
            ],
            client=_samples(CLIENT),
            failures=failures(),
            failure_example=as_json(EXAMPLE),
        )
    )


def _entry(operation: Operation, public_url: str) -> Entry:
    body = list(operation.body.members) if operation.body else []
    places = [
        ("Path", [p.member for p in operation.at("path")]),
        ("Query", [p.member for p in operation.at("query")]),
        ("Body", body),
        ("Headers", [p.member for p in operation.at("header")]),
    ]
    return Entry(
        operation=operation,
        access=access(operation),
        inputs=[(place, members) for place, members in places if members],
        samples=_samples(operation.method.name),
        answer=as_json(examples.answer(operation.method, public_url)),
    )


def _samples(name: str) -> list[tuple[Language, Markup | None]]:
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


def _listed(names: Iterable[str]) -> Markup:
    return Markup(", ").join(Markup("<code>{}</code>").format(name) for name in names)


@functools.cache
def environment() -> Environment:
    """Return what the templates of this door are rendered by."""
    made = rendering.environment().overlay(loader=PackageLoader("tenantry.doors.reference"))
    made.filters = made.filters | {"prose": _prose, "path": _path, "listed": _listed}
    return made
