"""The page of one operation or endpoint, and that of a group of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.endpoints.docs.pages.page import as_json, highlighted
from tenantry.endpoints.docs.reference import endpoints, examples, operations
from tenantry.endpoints.docs.reference.languages import LANGUAGES
from tenantry.endpoints.docs.reference.openapi import access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.endpoints.docs.pages.page import Frame
    from tenantry.endpoints.docs.reference.contents import Entry
    from tenantry.endpoints.docs.reference.names import Group
    from tenantry.endpoints.docs.reference.operations import Body, Member, Operation

_CLIENT, _ANYONE = "management client", "anyone"  # as `Operation.callers` names them
_REDIRECT = 303  # of a browser, which goes there itself


@dataclass(frozen=True, slots=True)
class OperationContent:
    """All that a page says of an operation or an endpoint."""

    entry: Entry
    description: str
    access: str
    inputs: Sequence[tuple[str, Sequence[Member]]]  # those that are asked, under their place
    answer: Sequence[Member]
    status: int
    statuses: Sequence[int] = ()  # of its errors
    errors: Sequence[tuple[str, str]] = ()  # of an endpoint: the values of `error`
    rpc: str = ""
    samples: str = ""  # the name that they are kept under
    callable: bool = False  # by what a person has at hand: a client's credentials, or nothing
    open: bool = False  # to anyone
    whole: bool = False  # its inputs are all there is: no token of a client goes along
    body: Body | None = None


def content(entry: Entry) -> OperationContent:
    """Return what there is to say of an entry."""
    if entry.method is None:
        endpoint = endpoints.find(entry.name)
        return OperationContent(
            entry,
            endpoint.description,
            endpoint.access,
            endpoint.inputs,
            endpoint.answer,
            endpoint.status,
            errors=endpoint.errors,
            samples=entry.name,
            callable=endpoint.status != _REDIRECT,
            whole=True,
        )
    read, _ = operations.read([entry.method])
    return operation_content(entry, next(each for each in read if each.name == entry.name))


def operation_content(entry: Entry, operation: Operation) -> OperationContent:
    """Return what there is to say of an operation."""
    body = operation.body.members if operation.body else ()
    inputs = [
        ("Path", [p.member for p in operation.at("path")]),
        ("Query", [p.member for p in operation.at("query")]),
        ("Body", body),
        ("Headers", [p.member for p in operation.at("header")]),
    ]
    return OperationContent(
        entry,
        operation.description,
        access(operation),
        [(place, members) for place, members in inputs if members],
        operation.answer,
        operation.method.success_status,
        operation.statuses,
        rpc=operation.method.path,
        samples=operation.method.name,
        callable=bool({_CLIENT, _ANYONE} & {*operation.callers}),
        open=_ANYONE in operation.callers,
        body=operation.body,
    )


def example(entry: Entry, public_url: str) -> Any:
    """Return an example of the answer, as JSON; None where it has no body."""
    if entry.method is None:
        return endpoints.find(entry.name).example
    return examples.answer(entry.method, public_url)


def render(frame: Frame, entry: Entry) -> str:
    """Return the page of one operation or endpoint."""
    found, answer = content(entry), example(entry, frame.public_url)
    before, after = frame.contents.around(entry)
    return frame.render(
        "operation.html",
        current=entry.url,
        group=entry.group,
        shown=found,
        samples=highlighted(found.samples),
        example=None if answer is None else as_json(answer),
        languages=LANGUAGES,
        body=None if found.body is None else _body(found.body, frame.public_url),
        before=before,
        after=after,
    )


def _body(body: Body, public_url: str) -> str:
    """Return an example of the body of a request."""
    if body.listed:
        shown = examples.value(body.listed, public_url)
    else:
        shown = examples.request(body.message, body.without, public_url)
    return json.dumps(shown, indent=2, ensure_ascii=False)


def render_group(frame: Frame, group: Group) -> str:
    """Return the page of a group: what it is about, and its operations."""
    return frame.render(
        "group.html",
        current=f"/docs/api/{group.slug}",
        group=group,
        about=frame.contents.about(group),
        entries=frame.contents.of(group),
    )
