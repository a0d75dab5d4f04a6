"""The rpcs that are served, each with what the contract's options say of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantry.core.caller import Kind
from tenantry.gen.google.api import annotations_pb
from tenantry.gen.scalekit.v1.options import options_pb
from tenantry.gen.tenantry.v1 import options_pb as own_options_pb
from tenantry.net.http import MAX_ANONYMOUS, MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from protobuf import DescMethod, DescService, Message

    from tenantry.call import Call
    from tenantry.core.answer import Answer

# As protobuf says it: idempotent, but may have side effects.
_ACTS = "IDEMPOTENT"
_VERBS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """One binding of google.api.http: verb, path template, which field the body is ("*": all)."""

    verb: str
    template: str
    body: str


@dataclass(frozen=True, slots=True)
class Method:
    """One rpc: its messages, the Python method behind it, its policy and its routes."""

    service: str
    name: str
    input: type[Message[Any]]
    output: type[Message[Any]]
    function: Callable[[Any, Call], Awaitable[Message[Any] | Answer]]
    allowed: int  # bits of the contract's authentication_type; 0: nobody
    permissions: tuple[str, ...]
    routes: tuple[HttpRoute, ...]
    flatten: str  # response field whose members REST also answers at the top level
    success_status: int
    query: tuple[str, ...]  # query members beyond the message's fields
    etag: bool  # the answer carries the revision of its object
    if_match: bool  # another revision than this stops the call
    own: bool  # a signed-in person may make it about themselves
    keyless: bool  # an Idempotency-Key is passed over
    acts: bool  # it changes something though it may be a GET: the contract says IDEMPOTENT
    # The fields that other callers than management clients may send, by the caller; one that is not
    # here may not make the call.
    fields: Mapping[Kind, tuple[str, ...]]
    token: bool  # a person's access token will do in place of their session's cookie
    reads: bool  # it changes nothing, and its answer has no secret to act by
    owners: bool  # of operators, only an owner makes it
    scopes: tuple[str, ...]  # one of which a management client needs that does not hold all
    # The feature that a person's or a portal session's organization needs for it, "" for none.
    feature: str
    feature_by_object: bool  # the rpc itself checks the feature, for some of its objects
    # Work before the call, and never within its transaction.
    before: Callable[[Any, Call], Awaitable[None]] | None
    desc: DescMethod

    # Worked out from these, once.
    path: str = field(init=False)  # on gRPC, gRPC-Web and Connect
    for_anybody: bool = field(init=False)
    body_limit: int = field(init=False)  # bytes of a request, also once decompressed
    lists: bool = field(init=False)  # a standby may answer it
    keeps_replies: bool = field(init=False)  # an Idempotency-Key is honored: it is a POST
    extra_headers: tuple[tuple[str, str], ...] = field(init=False)  # of query members, by name

    def __post_init__(self) -> None:
        for_anybody = bool(self.allowed & Kind.ANONYMOUS.bits)
        names = [name for name in self.query if not name.endswith(".*")]
        for name, value in {
            "path": f"/{self.service}/{self.name}",
            "for_anybody": for_anybody,
            "body_limit": MAX_ANONYMOUS if for_anybody else MAX_BODY,
            "lists": self.reads and self.name.startswith(("List", "Search")),
            "keeps_replies": not self.keyless and any(r.verb == "POST" for r in self.routes),
            # With dashes, too: proxies drop headers with underscores.
            "extra_headers": tuple(
                (member, header)
                for member in names
                for header in dict.fromkeys((f"x-{member}", f"x-{member.replace('_', '-')}"))
            ),
        }.items():
            object.__setattr__(self, name, value)


def of_service(service: DescService, *implementations: object) -> Iterator[Method]:
    """Yield the service's rpcs, each bound to the method of its name in snake_case.

    Where packages share a service, each implementation has some of the methods.

    Raises:
        AttributeError: one is missing.

    """
    for desc in service.methods:
        name = snake_case(desc.name)
        room = next((one for one in implementations if hasattr(one, name)), implementations[0])
        options = desc.proto.options
        auth = options[options_pb.ext_auth_option] if options else None
        own = options[own_options_pb.ext_rpc] if options else None
        routes, acts = tuple(bindings(desc)), desc.idempotency.name == _ACTS
        gets = bool(routes) and all(route.verb == "GET" for route in routes)
        yield Method(
            service=service.type_name,
            name=desc.name,
            input=desc.input.type,
            output=desc.output.type,
            function=getattr(room, name),
            allowed=int(auth.authentication_type) if auth else 0,
            permissions=tuple(auth.permissions) if auth else (),
            routes=routes,
            flatten=own.flatten if own else "",
            success_status=(own.success_status if own else 0) or 200,
            query=tuple(own.query) if own else (),
            etag=own.etag if own else False,
            if_match=own.if_match if own else False,
            own=own.own if own else False,
            keyless=own.keyless if own else False,
            acts=acts,
            fields=dict(_fields(own)) if own else {},
            token=own.token if own else False,
            reads=_reads(own, gets=gets and not acts),
            owners=own.owners if own else False,
            scopes=_scopes(own, auth.permissions if auth else ()),
            feature=own.feature if own else "",
            feature_by_object=own.feature_by_object if own else False,
            before=getattr(room, f"before_{name}", None),
            desc=desc,
        )


def _reads(own: own_options_pb.RpcOption | None, *, gets: bool) -> bool:
    if own is None:
        return gets
    return (gets or own.reads) and not own.reveals


def _scopes(own: own_options_pb.RpcOption | None, permissions: Sequence[str]) -> tuple[str, ...]:
    if own is not None and own.scopes:
        return tuple(own.scopes)
    # The other permissions, such as `organizations_read`, are those of users.
    return tuple(name for name in permissions if ":" in name)


def _fields(own: own_options_pb.RpcOption) -> Iterator[tuple[Kind, tuple[str, ...]]]:
    for kind, listed in (
        (Kind.USER_SESSION, own.person),
        (Kind.PORTAL_SESSION, own.portal),
        (Kind.ANONYMOUS, own.anybody),
    ):
        if listed is not None:
            yield kind, tuple(listed.fields)


def bindings(desc: DescMethod) -> Iterator[HttpRoute]:
    """Yield the routes of an rpc."""
    rule = desc.proto.options[annotations_pb.ext_http] if desc.proto.options else None
    if rule is None:
        return
    for binding in (rule, *rule.additional_bindings):
        if binding.pattern is not None and binding.pattern.field in _VERBS:
            yield HttpRoute(binding.pattern.field.upper(), str(binding.pattern.value), binding.body)


def snake_case(name: str) -> str:
    # The s of `ListDEKs` makes a plural and begins no word.
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z](?!s\b)[a-z])", "_", name).lower()
