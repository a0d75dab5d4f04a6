"""REST by transcoding: the routes and bodies of google.api.http, the same rpcs behind them.

Follows https://google.aip.dev/127 and the mapping in google/api/http.proto. A request may be
spelled in snake_case or camelCase, an answer is snake_case; empty strings, maps and zero enums are
written, unset messages and optionals are not.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from protobuf import (
    DescEnum,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMessage,
    DescFieldValueScalar,
    DescMessage,
    Message,
    Oneof,
    ScalarType,
)

from tenantry.api import descriptors, messages, validation
from tenantry.core import errors, urlencoded
from tenantry.core.answer import Answer
from tenantry.core.suggestions import nearest
from tenantry.net.http import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protobuf import DescField

    from tenantry.api.methods import HttpRoute, Method
    from tenantry.api.pipeline import Pipeline
    from tenantry.endpoints.grpc_rest.router import Router
    from tenantry.net.http import Request

_MAX_QUERY_MEMBERS = 100
# A wrapper is a bare value in JSON, a FieldMask and a Timestamp are one string.
_WELL_KNOWN = "google.protobuf."
# Others would make a mask that no JSON can hold.
_FIELD_NAMES = re.compile(r"(?a:[A-Za-z_][\w.,]*)")


class Transcoder:
    """One route of one rpc."""

    streams: ClassVar[bool] = False  # no rpc takes its body piece by piece
    wire: ClassVar[str] = "rest"

    def __init__(self, method: Method, route: HttpRoute, pipeline: Pipeline) -> None:
        self.method = method
        self.route = route
        self._pipeline = pipeline
        self._fields = _fields(method.input.desc())
        # By the name of a field: the attribute that holds it, and its name where that is a oneof.
        self._attributes = {name: _attribute(field) for name, field in self._fields.items()}
        self.template = route.template  # the path, with its variables
        self.body_limit = method.body_limit  # in bytes

    async def __call__(self, request: Request) -> Response:
        """Answer a request that the router found to be this route's."""
        admission = await self._pipeline.admit(self.method, request)
        message, extra = self._message(request)
        try:
            response, headers = await self._pipeline.run(
                self.method, admission, message, spelled=request.body, extra=extra
            )
        except errors.Error as problem:
            if self.route.body not in {"", "*"}:
                problem.rename(self.route.body)
            raise
        headers["content-type"] = "application/json"
        body = encode(response, self.method.flatten)
        return Response(self.method.success_status, body, headers)

    def _message(self, request: Request) -> tuple[Message[Any], dict[str, list[str]]]:
        kind, body = self.method.input, self.route.body
        extra: dict[str, list[str]] = {}
        if body:
            _check_media_type(request)
        if body == "*":
            message = messages.from_json(kind, request.body or b"{}")
            if request.query:
                members, extra = self._query(request.query)
                if members:
                    name = next(iter(members))
                    raise errors.InvalidArgument.field(
                        name, "unknown_field", "belongs into the body of this call"
                    )
            self._set_path_variables(message, request.params)
            return message, extra
        if request.query:
            message, extra = self._of_query(request)
        else:
            message = self._of_path(request.params)
        if body and request.body:
            field = _fields(kind.desc())[body]
            if isinstance(field.value, DescFieldValueMessage):
                inner = field.value.message.type
                message[field] = messages.from_json(inner, request.body, of=kind.desc())
            else:
                try:
                    message[field] = messages.from_json_member(kind, field, request.body)
                except errors.InvalidArgument as problem:
                    problem.rename(body)
                    raise
        return message, extra

    def _of_path(self, params: dict[str, str]) -> Message[Any]:
        kind = self.method.input
        if not _are_texts(kind.desc(), tuple(params)):
            return messages.from_members(kind, self._path_variables(params))
        message = kind()
        for name, text in params.items():
            attribute, member = self._attributes[name]
            setattr(message, attribute, Oneof(field=member, value=text) if member else text)
        return message

    def _of_query(self, request: Request) -> tuple[Message[Any], dict[str, list[str]]]:
        kind, members = self.method.input, self._path_variables(request.params)
        given, extra = self._query(request.query)
        for name, value in given.items():
            if members.setdefault(name, value) != value:
                raise errors.InvalidArgument.field(
                    name, "conflict", "differs from the one in the path"
                )
        messages.check_oneofs(kind.desc(), members)
        return messages.from_members(kind, members), extra

    def _path_variables(self, params: dict[str, str]) -> dict[str, Any]:
        return {
            name: _json_value(self._fields[name].value, text, name) for name, text in params.items()
        }

    def _set_path_variables(self, message: Message[Any], params: dict[str, str]) -> None:
        given = messages.from_members(self.method.input, self._path_variables(params))
        for name in params:
            field = self._fields[name]
            if field in message and message[field] not in ("", given[field]):
                raise errors.InvalidArgument.field(
                    name, "conflict", "differs from the one in the path"
                )
            oneof = getattr(field.value, "oneof", None)
            for other in oneof.fields if oneof else ():
                if other is not field and other in message:
                    raise messages.both(name, other.name)
            message[field] = given[field]

    def _query(self, query: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Return the query as JSON of the request message, and the members beyond it."""
        try:
            pairs = urlencoded.members(query, most=_MAX_QUERY_MEMBERS)
        except ValueError as problem:
            raise errors.InvalidArgument(f"the query is malformed: {problem}") from None
        members: dict[str, Any] = {}
        extra: dict[str, list[str]] = {}
        for name, value in pairs:
            if "\x00" in name or "\x00" in value:
                said = "must not contain a NUL character"
                raise errors.InvalidArgument.field(validation.quotable(name), "string.nul", said)
            if _is_extra(name, self.method.query):
                extra.setdefault(name, []).append(value)
            else:
                _set(members, self.method.input.desc(), name, value, self.route.body)
        return members, extra


def add_routes(router: Router, methods: Iterable[Method], pipeline: Pipeline) -> None:
    """Register every route of these rpcs."""
    for method in methods:
        for route in method.routes:
            target = Transcoder(method, route, pipeline)
            router.add(route.verb, route.template, target, acts=method.acts)


def encode(response: Message[Any] | Answer, flatten: str = "") -> bytes:
    """Return a response as JSON; the members of the field ``flatten`` also at the top level."""
    if isinstance(response, Answer):
        members = response.members()
        inner = orjson.dumps(members[flatten] if flatten else members)
    elif flatten and (message := getattr(response, flatten)) is not None:
        inner = _json(message)
    else:
        return _json(response)
    return b'%b,"%b":%b}' % (inner[:-1], flatten.encode(), inner) if flatten else inner


def _json(message: Message[Any]) -> bytes:
    if descriptors.has_values(message.desc()):
        return orjson.dumps(messages.to_members(message))
    return message.to_json(use_proto_field_name=True, always_emit_implicit=True).encode()


def _check_media_type(request: Request) -> None:
    media_type = request.media_type
    if request.body and media_type not in {"", "application/json"}:
        raise errors.UnsupportedMediaType


def _is_extra(name: str, declared: tuple[str, ...]) -> bool:
    return any(
        name.startswith(d[:-1]) and len(name) > len(d) - 1 if d.endswith(".*") else name == d
        for d in declared
    )


def _set(members: dict[str, Any], desc: DescMessage, name: str, text: str, body: str) -> None:
    """Set one query member, `filter.x` within the message field `filter`."""
    target = members
    *outer, last = name.split(".")
    for step in outer:
        field = _field(desc, step, name)
        value = field.value
        if (
            not isinstance(value, DescFieldValueMessage)
            or value.message.type_name.startswith(_WELL_KNOWN)
            or (target is members and field.name == body)
        ):
            raise _unknown(name)
        target = target.setdefault(field.name, {})
        desc = value.message
    field = _field(desc, last, name)
    if target is members and field.name == body:
        raise _unknown(name)
    value = field.value
    if isinstance(value, DescFieldValueList):
        target.setdefault(field.name, []).append(_json_value(value, text, name))
    elif field.name in target:
        raise errors.InvalidArgument.field(name, "once", "is given more than once")
    else:
        target[field.name] = _json_value(value, text, name)


@functools.cache
def _fields(desc: DescMessage) -> dict[str, DescField]:
    return {name: field for field in desc.fields for name in (field.name, field.json_name)}


def _attribute(field: DescField) -> tuple[str, str]:
    oneof = getattr(field.value, "oneof", None)
    return (field.local_name, "") if oneof is None else (oneof.local_name, field.name)


@functools.cache
def _are_texts(desc: DescMessage, names: tuple[str, ...]) -> bool:
    """Whether these fields are strings, which a path spells as they are."""
    kinds = (_kind(_fields(desc)[name].value) for name in names)
    return all(kind is ScalarType.STRING for kind in kinds)


def _field(desc: DescMessage, name: str, whole: str) -> DescField:
    field = _fields(desc).get(name)
    if field is None:
        outer, _, last = whole.rpartition(".")
        meant = nearest(name, (one.name for one in desc.fields)) if name == last else ""
        raise _unknown(whole, ".".join(filter(None, (outer, meant))) if meant else "")
    return field


def _unknown(name: str, meant: str = "") -> errors.InvalidArgument:
    said = "is not a parameter of this call" + (f", did you mean {meant}?" if meant else "")
    return errors.InvalidArgument.field(validation.quotable(name), "unknown_field", said)


def _json_value(value: Any, text: str, name: str) -> Any:
    """Return a query value as its field takes it in JSON; numbers may stay text there."""
    kind = _kind(value)
    if isinstance(kind, DescEnum):
        return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else text
    if isinstance(kind, ScalarType):
        return _boolean(text, name) if kind is ScalarType.BOOL else text
    if isinstance(kind, DescMessage):
        if kind.type_name == "google.protobuf.BoolValue":
            return _boolean(text, name)
        if kind.type_name == "google.protobuf.FieldMask":
            # Its JSON is camelCase; a query may name the fields as the answers do.
            if text and not _FIELD_NAMES.fullmatch(text):
                said = "must be field names separated by commas"
                raise errors.InvalidArgument.field(name, "type", said)
            return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), text)
        if kind.type_name.startswith(_WELL_KNOWN) and kind.type_name != "google.protobuf.Struct":
            return text
    raise _unknown(name)


def _kind(value: Any) -> DescEnum | DescMessage | ScalarType | None:
    match value:
        case DescFieldValueList(element=kind):
            return kind
        case DescFieldValueEnum(enum=kind):
            return kind
        case DescFieldValueScalar(scalar=kind):
            return kind
        case DescFieldValueMessage(message=kind):
            return kind
    return None


def _boolean(text: str, name: str) -> bool:
    if text not in {"true", "false"}:
        said = f"must be true or false, got {validation.quotable(text)!r}"
        raise errors.InvalidArgument.field(name, "type", said)
    return text == "true"
