"""The operations of the API, read off the rpcs that are served: what both renderings show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protobuf import (
    DescEnum,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescMessage,
    ScalarType,
)

from tenantry.api.comments import comment, first_sentence
from tenantry.api.rules import Rules, rules_of
from tenantry.api.schemas import (
    Schemas,
    always_there,
    distinct_values,
    is_plain,
    may_be_asked,
)
from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.endpoints.docs.reference.failures import status
from tenantry.endpoints.docs.reference.names import group_of, plural, title

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from protobuf import DescField

    from tenantry.api.methods import HttpRoute, Method

_VARIABLE = re.compile(r"\{(\w+)\}")
_CALLERS = {
    Kind.ANONYMOUS: "anyone",
    Kind.MANAGEMENT_CLIENT: "management client",
    Kind.PORTAL_SESSION: "admin portal session",
    Kind.USER_SESSION: "signed-in user",
}
_TYPES = {
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Duration": "duration",
    "google.protobuf.FieldMask": "field names",
    "google.protobuf.Struct": "object",
    "google.protobuf.BoolValue": "boolean",
    "google.protobuf.StringValue": "string",
    "google.protobuf.DoubleValue": "number",
    "google.protobuf.FloatValue": "number",
}
_DEPTH = 4  # of nested members that are described

# Not of the contract; api/pipeline.py reads these headers.
_IF_MATCH = (
    "ETag of the expected revision, or several separated by commas. If the object has another "
    "revision, the request fails with status 412 and changes nothing."
)
_IDEMPOTENCY_KEY = (
    "Unique value that identifies this request. Repeating the request with the same key within "
    "24 hours returns the first response and creates no second object."
)
# Query parameters beyond the messages. The contract contains only their names.
_EXTRAS = {
    "force": (
        "boolean",
        "Proceed even if other members of an organization are left without an administrator.",
    ),
    "client_id": (
        "string",
        "ID of the application that users are redirected to after they accept the invitation. "
        "Defaults to the application that makes the call or that the access token was issued to, "
        "then to the application that members of the organization last signed in to.",
    ),
    "shareable": (
        "boolean",
        "Whether the link can be opened repeatedly for seven days, instead of once.",
    ),
    "overlap_seconds": (
        "integer",
        "Seconds until all other active secrets expire.",
    ),
    "expires_in": ("integer", "Seconds until the new secret expires."),
    "ip_address": (
        "string",
        "Address from which the API key is used. If the sign-in policy of the organization does "
        "not allow its network, the call fails with status 403. Without an address, the network "
        "is not checked.",
    ),
    "search": ("string", "Text to search for in names and email addresses. Case-insensitive."),
}


@dataclass(frozen=True, slots=True)
class Member:
    """A value of a request or response; `name` is its path, such as `a.b[].c`."""

    name: str
    type: str
    description: str
    required: bool = False
    rules: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()  # names of an enum
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A member that travels outside the body."""

    member: Member
    place: str  # path, query or header
    schema: dict[str, Any]
    explode: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """The JSON of a request: an object, a list of them, or a value without members here."""

    message: DescMessage
    without: frozenset[str]  # fields that the path holds
    members: tuple[Member, ...]
    required: bool
    listed: DescField | None = None  # the field that is the body, if that is no such object


@dataclass(frozen=True, slots=True)
class Operation:
    """One route of one rpc."""

    name: str
    title: str
    tag: str
    verb: str
    path: str
    summary: str
    description: str
    deprecated: bool
    callers: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    body: Body | None
    answer: tuple[Member, ...]
    statuses: tuple[int, ...]
    etag: bool
    method: Method

    def at(self, place: str) -> list[Parameter]:
        """Return the parameters in the path, in the query or in the headers."""
        return [parameter for parameter in self.parameters if parameter.place == place]


def read(methods: Sequence[Method]) -> tuple[list[Operation], Schemas]:
    """Return the operations in the order of the contract, and the schemas they use."""
    schemas = Schemas([m.input.desc() for m in methods], [m.output.desc() for m in methods])
    return [each for method in methods for each in _of(method, schemas)], schemas


def name_of(method: Method, route: HttpRoute) -> str:
    """Return the name of a route of an rpc: the rpc's own, with a number for a further one."""
    index = method.routes.index(route)
    return method.name if index == 0 else f"{method.name}{index + 1}"


def _callers(method: Method) -> tuple[str, ...]:
    return tuple(
        words
        for kind, words in _CALLERS.items()
        if kind in method.fields or (kind is Kind.MANAGEMENT_CLIENT and method.allowed & kind.bits)
    )


def _of(method: Method, schemas: Schemas) -> Iterator[Operation]:
    for route in method.routes:
        variables = _VARIABLE.findall(route.template)
        about = comment(f"{method.service}.{method.name}")
        body = _body(method, route, frozenset(variables))
        yield Operation(
            name=name_of(method, route),
            title=title(method, route),
            tag=group_of(method).name,
            verb=route.verb,
            path=route.template,
            summary=first_sentence(about),
            description=about,
            deprecated=method.desc.deprecated,
            callers=_callers(method),
            parameters=(
                *_path(method, variables, schemas),
                *_query(method, route, variables, schemas),
                *_headers(method),
            ),
            body=body,
            answer=tuple(_answer(method)),
            statuses=_statuses(method, variables, body),
            etag=method.etag,
            method=method,
        )


def _path(method: Method, variables: list[str], schemas: Schemas) -> Iterator[Parameter]:
    fields = {f.name: f for f in method.input.desc().fields}
    for name in variables:
        field = fields[name]
        # One segment of a path is never empty.
        schema = {"minLength": 1, **schemas.asked(field)}
        yield Parameter(_member(field, name, required=True), "path", schema)


def _query(
    method: Method, route: HttpRoute, variables: list[str], schemas: Schemas
) -> Iterator[Parameter]:
    if route.body != "*":
        for field in method.input.desc().fields:
            if field.name != route.body and may_be_asked(field, variables):
                yield from _query_field(field, "", schemas)
    for name in method.query:
        yield _extra(name)


def _query_field(field: DescField, prefix: str, schemas: Schemas) -> Iterator[Parameter]:
    value, name = field.value, prefix + field.name
    if isinstance(value, DescFieldValueMessage) and not is_plain(value.message):
        for inner in value.message.fields:
            yield from _query_field(inner, f"{name}.", schemas)
        return
    repeated = isinstance(value, DescFieldValueList)
    yield Parameter(_member(field, name), "query", schemas.asked(field), explode=repeated)


def _extra(name: str) -> Parameter:
    """Describe a query parameter beyond the message; `metadata.*` stands for a prefix."""
    stem = name.removesuffix("*")
    if stem == name:
        kind, what = _EXTRAS[name]
        elsewhere = f"Over gRPC, gRPC-Web and Connect, send it as the header `x-{name}`."
        return Parameter(Member(name, kind, f"{what} {elsewhere}"), "query", {"type": kind})
    member = Member(
        name,
        "string",
        f"Return only organizations with this value in `{stem.rstrip('.')}`, such as "
        f"`{stem}plan=gold`. Several parameters must all match.",
        rules=("up to 10 parameters",),
    )
    schema = {
        "type": "object",
        "propertyNames": {"pattern": f"^{re.escape(stem)}."},
        "additionalProperties": {"type": "string"},
        "maxProperties": 10,
        "description": member.description,
        "example": {f"{stem}plan": "gold"},
    }
    return Parameter(member, "query", schema, explode=True)


def _headers(method: Method) -> Iterator[Parameter]:
    if method.if_match:
        schema: dict[str, Any] = {"type": "string", "pattern": r'^(\*|"[0-9]{1,18}")$'}
        yield Parameter(Member("If-Match", "string", _IF_MATCH), "header", schema)
    if method.keeps_replies:
        schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        rules = ("1 to 255 visible ASCII characters",)
        member = Member("Idempotency-Key", "string", _IDEMPOTENCY_KEY, rules=rules)
        yield Parameter(member, "header", schema)


def _body(method: Method, route: HttpRoute, variables: frozenset[str]) -> Body | None:
    if not route.body:
        return None
    message = method.input.desc()
    if route.body == "*":
        members = tuple(_members(message, "", variables, asked=True))
        required = any(rules_of(f).required for f in message.fields if f.name not in variables)
        return Body(message, variables, members, required)
    field = next(f for f in message.fields if f.name == route.body)
    required = rules_of(field).required
    listed: DescField | None
    if isinstance(field.value, DescFieldValueList):
        assert isinstance(field.value.element, DescMessage)
        inner, prefix, listed = field.value.element, "[].", field
    else:
        assert isinstance(field.value, DescFieldValueMessage)
        inner, prefix = field.value.message, ""
        listed = field if is_plain(inner) else None
    members = tuple(_members(inner, prefix, (), asked=True))
    return Body(inner, frozenset(), members, required, listed)


def _answer(method: Method) -> Iterator[Member]:
    message = method.output.desc()
    if method.flatten:
        field = next(f for f in message.fields if f.name == method.flatten)
        assert isinstance(field.value, DescFieldValueMessage)
        yield from _members(field.value.message, "", (), asked=False)
        yield Member(field.name, field.value.message.name, "Copy of the object.", True)
        return
    yield from _members(message, "", (), asked=False)


def _members(
    message: DescMessage, prefix: str, without: Container[str], *, asked: bool, depth: int = 0
) -> Iterator[Member]:
    """Yield the message's members, each followed by those inside it."""
    if is_plain(message):
        return
    for field in message.fields:
        if not may_be_asked(field, without):
            continue
        name, value = prefix + field.name, field.value
        yield _member(field, name, required=None if asked else always_there(field), asked=asked)
        inner: Any = None
        if isinstance(value, DescFieldValueMessage):
            inner, name = value.message, f"{name}."
        elif isinstance(value, DescFieldValueList) and isinstance(value.element, DescMessage):
            inner, name = value.element, f"{name}[]."
        if inner is not None and depth < _DEPTH:
            yield from _members(inner, name, (), asked=asked, depth=depth + 1)


def _member(
    field: DescField, name: str, *, required: bool | None = None, asked: bool = True
) -> Member:
    """Describe a field; ``required`` None is: as its rules say."""
    rules = rules_of(field) if asked else Rules()
    enum = _enum(field)
    words = list(rules.words)
    if _type(field) == _TYPES["google.protobuf.FieldMask"]:
        words.append("separated by commas")
    return Member(
        name=name,
        type=_type(field),
        description=comment(f"{field.parent.type_name}.{field.name}"),
        required=rules.required if required is None else required,
        rules=tuple(words),
        choices=_choices(enum, rules, asked=asked) if enum else (),
        deprecated=field.deprecated,
    )


def _choices(enum: DescEnum, rules: Rules, *, asked: bool) -> tuple[str, ...]:
    """Return the names to choose from; the one that says nothing is left out of requests."""
    return tuple(
        name
        for number, name in distinct_values(enum)
        if number not in rules.excluded and not (asked and number == 0 and len(enum.values) > 1)
    )


def _enum(field: DescField) -> DescEnum | None:
    value = field.value
    if isinstance(value, DescFieldValueEnum):
        return value.enum
    if isinstance(value, DescFieldValueList) and isinstance(value.element, DescEnum):
        return value.element
    return None


def _type(field: DescField) -> str:
    value = field.value
    if isinstance(value, DescFieldValueList):
        return f"list of {plural(_element_type(value.element))}"
    if isinstance(value, DescFieldValueMap):
        return f"map of {plural(_element_type(value.value))}"
    if isinstance(value, DescFieldValueMessage):
        return _element_type(value.message)
    if isinstance(value, DescFieldValueEnum):
        return _element_type(value.enum)
    return _element_type(value.scalar)


def _element_type(element: DescMessage | DescEnum | ScalarType) -> str:
    if isinstance(element, DescMessage):
        name = element.type_name
        if name in _TYPES or not is_plain(element):
            return _TYPES.get(name, "object")
        return "integer"  # the wrappers that are left
    if isinstance(element, DescEnum):
        return "enum"
    if element in {ScalarType.STRING, ScalarType.BYTES}:
        return "string"
    if element is ScalarType.BOOL:
        return "boolean"
    return "number" if element in {ScalarType.DOUBLE, ScalarType.FLOAT} else "integer"


def _statuses(method: Method, variables: list[str], body: Body | None) -> tuple[int, ...]:
    """Return the HTTP statuses of the errors that the operation can end in."""
    kinds: list[type[errors.Error]] = [errors.InvalidArgument, errors.Unauthenticated]
    kinds += [errors.PermissionDenied, errors.RateLimited, errors.Busy, errors.Internal]
    if variables:
        kinds.append(errors.NotFound)
    if method.if_match:
        kinds.append(errors.PreconditionFailed)
    if body is not None:
        kinds += [errors.PayloadTooLarge, errors.UnsupportedMediaType]
    if method.keeps_replies:
        kinds.append(errors.IdempotencyMismatch)
    return tuple(sorted({status(kind) for kind in kinds}))
