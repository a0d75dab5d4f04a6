"""Finds what a verb and a path mean; the same for rpcs over REST and for the other doors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from tenantry import errors

_VARIABLE = re.compile(r"\{(\w+)\}(:\w+)?")


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    # A segment that is a variable, by the verb (":refresh") that may end it; "" for none.
    variables: dict[str, _Node] = field(default_factory=dict)
    targets: dict[str, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)


class Router:
    """A tree of path segments. `{name}` is one whole segment, or one up to a `:verb`."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, verb: str, template: str, target: Any) -> None:
        """Register a target.

        Raises:
            ValueError: this verb and path are taken.

        """
        node, names = self._root, []
        for segment in template.strip("/").split("/"):
            if variable := _VARIABLE.fullmatch(segment):
                names.append(variable[1])
                node = node.variables.setdefault(variable[2] or "", _Node())
            else:
                node = node.literals.setdefault(segment, _Node())
        if verb in node.targets:
            raise ValueError(f"two targets at {verb} {template}")
        node.targets[verb] = (target, tuple(names))

    def verbs(self, path: str) -> list[str]:
        """Return the verbs that a path has."""
        found = self._find(self._root, path[1:].split("/"), 0, [])
        return sorted(found[0].targets) if found else []

    def match(self, verb: str, path: str) -> tuple[Any, dict[str, str]]:
        """Return the target and the values of the path's variables, percent-decoded.

        A segment is decoded only after the path was split, so an encoded slash stays a part of
        its value. HEAD finds what GET does.

        Raises:
            errors.RouteNotFound: nothing is at this path.
            errors.MethodNotAllowed: another verb is.

        """
        found = self._find(self._root, path[1:].split("/"), 0, [])
        if found is None:
            raise errors.RouteNotFound
        node, values = found
        target = node.targets.get("GET" if verb == "HEAD" else verb)
        if target is None:
            raise errors.MethodNotAllowed(allow(list(node.targets)))
        return target[0], dict(zip(target[1], map(_decoded, values), strict=True))

    def _find(
        self, node: _Node, segments: list[str], at: int, values: list[str]
    ) -> tuple[_Node, list[str]] | None:
        if at == len(segments):
            return (node, values) if node.targets else None
        segment = segments[at]
        literal = node.literals.get(segment)
        if literal and (found := self._find(literal, segments, at + 1, values)):
            return found
        for suffix, child in node.variables.items():
            value = segment.removesuffix(suffix) if suffix else segment
            if value and (not suffix or value != segment):
                found = self._find(child, segments, at + 1, [*values, value])
                if found:
                    return found
        return None


def allow(verbs: list[str]) -> str:
    """Return the value of the Allow header for these verbs."""
    implied = {"OPTIONS"} | ({"HEAD"} if "GET" in verbs else set())
    return ", ".join(sorted({*verbs, *implied}))


def _decoded(value: str) -> str:
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise errors.InvalidArgument("the path is not UTF-8") from None
