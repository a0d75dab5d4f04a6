"""Finds the endpoint of a verb and a path, for rpcs over REST and for all other endpoints."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tenantry.core import errors, urlencoded
from tenantry.core.suggestions import nearest

_VARIABLE = re.compile(r"\{(\w+)\}(:[\w-]+)?")
_REST = re.compile(r"\{(\w+)\*\}")
_LONGEST_HINTED = 300  # characters of a path
# How paths of the API begin, and how they do where a part of that is forgotten.
_BEGINNING, _FORGOTTEN = "/api/v1", ("/api", "/v1", "")


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    # A segment that is a variable, by the verb (":refresh") that may end it; "" for none.
    variables: dict[str, _Node] = field(default_factory=dict)
    targets: dict[str, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)
    # Of a variable that is the rest of the path, if that is one.
    rest: _Node | None = None
    # The node of the only variable, if that matches any segment.
    whole: _Node | None = None

    def variable(self, verb: str) -> _Node:
        """Return the node of a variable that ends in this verb; one without any is tried last."""
        child = self.variables.setdefault(verb, _Node())
        self.variables = dict(sorted(self.variables.items(), key=lambda item: -len(item[0])))
        self.whole = child if list(self.variables) == [""] else None
        return child

    def children(self, segment: str) -> list[tuple[_Node, str | None]]:
        """Return the nodes that a segment leads to, the most literal first, with its value."""
        found: list[tuple[_Node, str | None]] = []
        literal = self.literals.get(segment)
        if literal is not None:
            found.append((literal, None))
        for suffix, child in self.variables.items():
            value = segment.removesuffix(suffix) if suffix else segment
            if value and (not suffix or value != segment):
                found.append((child, value))
        return found


class Router:
    """A tree of path segments. `{name}` is one whole segment, or one up to a `:verb`.

    `{name*}`, which ends a template, is all the rest of a path, "" included, as it is spelled: for
    an endpoint that parses it itself, as the parameter ``name*``.
    """

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, verb: str, template: str, target: Any, *, acts: bool = False) -> None:
        """Register a target. One of GET is one of HEAD, too, unless it ``acts``.

        Raises:
            ValueError: this verb and path are taken, or a segment cannot be read.

        """
        node, names = self._root, []
        for segment in template.removeprefix("/").split("/"):
            if variable := _VARIABLE.fullmatch(segment):
                names.append(variable[1])
                node = node.variable(variable[2] or "")
            elif variable := _REST.fullmatch(segment):
                names.append(f"{variable[1]}*")
                node.rest = node = node.rest or _Node()
            elif "{" in segment:
                raise ValueError(f"{segment!r} in {template} is not {{name}} or {{name}}:verb")
            else:
                node = node.literals.setdefault(segment, _Node())
        if verb in node.targets:
            raise ValueError(f"two targets at {verb} {template}")
        verbs = (verb, "HEAD") if verb == "GET" and not acts else (verb,)
        node.targets |= dict.fromkeys(verbs, (target, tuple(names)))

    def verbs(self, path: str) -> list[str]:
        """Return the verbs that a path has."""
        nodes = [self._root]
        rests: list[_Node] = []
        for segment in path[1:].split("/"):
            rests += [node.rest for node in nodes if node.rest is not None]
            nodes = [child for node in nodes for child, _ in node.children(segment)]
        nodes += rests + [node.rest for node in nodes if node.rest is not None]
        return sorted({verb for node in nodes for verb in node.targets})

    def hint(self, path: str) -> str:
        """Return what a path at which nothing is may have meant; "" where nothing is like it."""
        if len(path) > _LONGEST_HINTED:
            return ""
        segments = path[1:].split("/")
        if "" in segments and self.verbs("/" + "/".join(one or "x" for one in segments)):
            without = path.rstrip("/")
            if "//" in without or not self.verbs(without):
                return "there is an empty part in it, is an id missing?"
            return f"is an id missing at its end? Without the slash it is {without}"
        begun = next(one for one in _FORGOTTEN if path.startswith(f"{one}/"))
        meant = _BEGINNING + path.removeprefix(begun)
        if not self.verbs(meant):
            meant = self._alike(segments)
        return f"did you mean {meant}?" if meant else ""

    def _alike(self, segments: list[str]) -> str:
        """Return the path that there is, and that is spelled much like these segments."""
        nodes, meant = [self._root], []
        for segment in segments:
            known = segment
            found = [child for node in nodes for child, _ in node.children(segment)]
            if not found:
                known = nearest(segment, (name for node in nodes for name in node.literals))
                if not known:
                    return ""
                found = [child for node in nodes for child, _ in node.children(known)]
            nodes = found
            meant.append(known)
        return "/" + "/".join(meant) if any(node.targets for node in nodes) else ""

    def match(self, verb: str, path: str) -> tuple[Any, dict[str, str]]:
        """Return the target and the values of the path's variables, percent-decoded.

        A segment is decoded only after the path was split, so an encoded slash stays a part of
        its value. HEAD finds what GET does, where that only reads. Of several templates that
        fit, the most literal one that has the verb is meant.
        """
        values: list[str] = []
        found = _find(self._root, path[1:].split("/"), 0, verb, values)
        if found is not None:
            target, names = found
            pairs = zip(names, values, strict=True)
            if "%" not in path and path.isascii() and path.isprintable():
                return target, dict(pairs)
            return target, {n: v if n[-1] == "*" else _decoded(n, v) for n, v in pairs}
        verbs = self.verbs(path)
        if not verbs:
            raise errors.RouteNotFound
        raise errors.MethodNotAllowed(allow(verbs))


def _find(
    node: _Node, segments: list[str], at: int, verb: str, values: list[str]
) -> tuple[Any, tuple[str, ...]] | None:
    """Return the most literal target that has the verb, and append the values of its variables.

    Without a target, ``values`` may keep those of failed attempts.
    """
    end = len(segments)
    # While there is one candidate at most.
    while at < end and node.rest is None:
        segment = segments[at]
        if segment in node.literals:
            if node.variables:
                break
            node = node.literals[segment]
        elif node.whole is not None and segment:
            node = node.whole
            values.append(segment)
        else:
            break
        at += 1
    if at == end and verb in node.targets:
        return node.targets[verb]
    known = len(values)
    for child, value in node.children(segments[at]) if at < end else ():
        del values[known:]
        if value is not None:
            values.append(value)
        found = _find(child, segments, at + 1, verb, values)
        if found is not None:
            return found
    del values[known:]
    if node.rest is not None and verb in node.rest.targets:
        values.append("/".join(segments[at:]))
        return node.rest.targets[verb]
    return None


def allow(verbs: list[str]) -> str:
    """Return the value of the Allow header for these verbs."""
    return ", ".join(sorted({*verbs, "OPTIONS"}))


def _decoded(name: str, value: str) -> str:
    if "%" not in value and value.isascii() and value.isprintable():
        return value
    try:
        text = urlencoded.decoded(value)
    except ValueError:
        said = "in the path it is not UTF-8"
        raise errors.InvalidArgument.field(name, "string.utf8", said) from None
    if "\x00" in text:
        # The database could not keep it, nor even look for it.
        raise errors.InvalidArgument.field(name, "string.nul", "must not contain a NUL character")
    return text
