"""The endpoints of OAuth 2.0 and OpenID Connect, which no descriptor knows: `endpoints.toml`."""

from __future__ import annotations

import functools
import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from tenantry.endpoints.docs.reference.operations import Member


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint as people read it."""

    name: str
    title: str
    verb: str
    path: str
    summary: str
    description: str
    access: str
    inputs: tuple[tuple[str, tuple[Member, ...]], ...]  # under the heading of their place
    answer: tuple[Member, ...]
    status: int
    example: Any  # of the answer, as JSON; None where that has no body
    errors: tuple[tuple[str, str], ...]  # the values of `error`, and when each comes


@functools.cache
def all_of_them() -> tuple[Endpoint, ...]:
    """Return the endpoints in the order in which one meets them."""
    text = files("tenantry.endpoints.docs").joinpath("endpoints.toml").read_text(encoding="utf-8")
    return tuple(_endpoint(given) for given in tomllib.loads(text)["endpoint"])


def find(name: str) -> Endpoint:
    """Return the endpoint of this name."""
    return next(each for each in all_of_them() if each.name == name)


def _endpoint(given: dict[str, Any]) -> Endpoint:
    description = " ".join(given["description"].split())
    return Endpoint(
        given["name"],
        given["title"],
        given["verb"],
        given["path"],
        given["summary"],
        f"{given['summary']}. {description}",
        given["access"],
        tuple(
            (place.capitalize(), _members(given[place]))
            for place in ("query", "form", "headers")
            if place in given
        ),
        _members(given.get("answer", {})),
        given.get("status", 200),
        json.loads(given["example"]) if "example" in given else None,
        tuple(given.get("errors", {}).items()),
    )


def _members(given: dict[str, str | list[str]]) -> tuple[Member, ...]:
    """Return members of `name = "type; sentence"`; a type that ends in `!` says it is a must."""
    members = []
    for name, spelled in given.items():
        told, *choices = [spelled] if isinstance(spelled, str) else spelled
        kind, _, about = told.partition("; ")
        needed = kind.endswith("!")
        members.append(Member(name, kind.removesuffix("!"), about, needed, choices=tuple(choices)))
    return tuple(members)
