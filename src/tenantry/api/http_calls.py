"""The HTTP request that makes the same call of an rpc: its route with the values of the message."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from protobuf import message_to_json_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from protobuf import Message

    from tenantry.api.methods import HttpRoute, Method

_VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request; ``body`` are the members of its JSON, None for none."""

    verb: str
    path: str
    query: str = ""
    body: Any = None

    def curl(self, public_url: str) -> str:
        """Return the command that sends the request."""
        url = f"{public_url}{self.path}{'?' if self.query else ''}{self.query}"
        parts = ["curl", *([] if self.verb == "GET" else ["-X", self.verb]), shlex.quote(url)]
        command = " ".join([*parts, '-H "Authorization: Bearer $TOKEN"'])
        if self.body is None:
            return command
        written = shlex.quote(json.dumps(self.body, ensure_ascii=False))
        return f"{command} \\\n  -H 'Content-Type: application/json' -d {written}"


def of_message(
    method: Method, message: Message[Any], extra: Mapping[str, Sequence[str]]
) -> HttpCall | None:
    """Return the request for a message by the first route whose path it fills; None without one.

    ``extra`` are query members beyond the message. Follows google/api/http.proto.
    """
    members = message_to_json_value(message, use_proto_field_name=True)
    assert isinstance(members, dict)
    for route in method.routes:
        names = _VARIABLE.findall(route.template)
        if all(members.get(name) for name in names):
            return _of_route(route, members, names, extra)
    return None


def request_line(method: Method, values: Mapping[str, str]) -> str:
    """Return verb and path of an rpc for display, by the first route that these values fill.

    Empty values are left out. Values that are not part of the path become the query. Nothing is
    escaped.

    Raises:
        LookupError: No route is filled, or the rpc takes no member of that name.

    """
    values = {name: value for name, value in values.items() if value}
    for route in method.routes:
        names = _VARIABLE.findall(route.template)
        if values.keys() >= set(names):
            break
    else:
        raise LookupError(f"{values.keys()} fill no route of {method.path}")
    rest = values.keys() - names
    if unknown := rest - {field.name for field in method.desc.input.fields} - set(method.query):
        raise LookupError(f"{method.path} takes no {unknown}")
    path = _VARIABLE.sub(lambda found: values[found[1]], route.template)
    query = "&".join(f"{name}={values[name]}" for name in values if name in rest)
    return f"{route.verb} {path}{'?' if query else ''}{query}"


def _of_route(
    route: HttpRoute,
    members: dict[str, Any],
    names: Sequence[str],
    extra: Mapping[str, Sequence[str]],
) -> HttpCall:
    path = _VARIABLE.sub(lambda found: quote(str(members[found[1]]), safe=""), route.template)
    rest = {name: value for name, value in members.items() if name not in names}
    body = None
    if route.body == "*":
        body, rest = rest, {}
    elif route.body:
        body = rest.pop(route.body, None)
    query = [*_pairs(rest), *((name, value) for name in extra for value in extra[name])]
    return HttpCall(route.verb, path, urlencode(query), body)


def _pairs(members: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, str]]:
    """Yield members as a query spells them: `filter.name` within `filter`, a list repeated."""
    for name, value in members.items():
        if isinstance(value, dict):
            yield from _pairs(value, f"{outer}{name}.")
        else:
            for one in value if isinstance(value, list) else [value]:
                yield f"{outer}{name}", str(one).lower() if isinstance(one, bool) else str(one)
