"""Callers that may make a call, and the fields that they may send: read off the contract's options.

An rpc without the contract's auth option is for nobody. A management client, within its scopes, and
an operator at the console, within their role, send what they like. Any other caller sends only the
fields that are listed for it (`tenantry.v1.rpc`), and makes no call for which nothing is.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from protobuf import DescFieldValueMessage
from protobuf.wkt import FieldMask

from tenantry.core import errors
from tenantry.core.caller import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from protobuf import Message

    from tenantry.api.methods import Method
    from tenantry.core.caller import Caller

_TOLD = 100  # characters of a path that an error repeats: a mask's may be any text
_READS_ONLY = "this caller may read everything and change nothing"
_MANAGEMENT_ONLY = (
    "clients of organizations cannot make this call: their tokens are for your own APIs; "
    "use a management client"
)
_OWNERS_ONLY = "of operators, only an owner may make this call"
_COOKIE_NEEDED = (
    "this call does not accept a user's access token: it requires the session cookie, sent "
    "from a Tenantry page"
)


def check(method: Method, caller: Caller) -> None:
    """Let this caller make this call, or raise.

    Raises:
        errors.FeatureDisabled: the call belongs to a feature that its organization has off.

    """
    _check_kind(method, caller)
    if caller.kind is Kind.MANAGEMENT_CLIENT:
        if caller.permissions is not None:
            _check_scopes(method, caller.permissions)
        return
    # As themselves, at the console, operators make changes, under their own name.
    if caller.impersonator and not (method.reads or _is_for_anybody(method)):
        raise errors.Impersonated
    _check_permissions(method, caller)
    if method.feature and not method.feature_by_object:
        caller.check_feature(method.feature)


def _check_permissions(method: Method, caller: Caller) -> None:
    """Let a caller with these permissions make this call, or raise as `check` does."""
    if caller.kind is Kind.USER_SESSION:
        # A person needs a permission where others need none, unless anybody may call.
        if _is_for_anybody(method):
            return
        if caller.token_scopes is not None and not method.token:
            raise errors.PermissionDenied(_COOKIE_NEEDED)
        if method.own:
            return
    elif caller.permissions is None or not method.permissions:
        return
    assert caller.permissions is not None
    if caller.permissions.isdisjoint(method.permissions):
        raise errors.PermissionDenied(_missing(method, caller))


def _check_kind(method: Method, caller: Caller) -> None:
    """Let this kind of caller make this call, or raise as `check` does."""
    if not (method.for_anybody or method.allowed & caller.kind.bits):
        if caller.kind is Kind.ANONYMOUS and method.allowed:
            raise errors.Unauthenticated
        if caller.kind is Kind.ORGANIZATION_CLIENT:
            raise errors.PermissionDenied(_MANAGEMENT_ONLY)
        raise errors.PermissionDenied
    if caller.kind.is_operators:
        if caller.reads_only and not method.reads:
            raise errors.PermissionDenied(_READS_ONLY)
        if method.owners and caller.kind is Kind.OPERATOR and not caller.owns:
            raise errors.PermissionDenied(_OWNERS_ONLY)
    elif _fields(method, caller) is None:
        raise errors.PermissionDenied


def check_fields(
    method: Method, caller: Caller, message: Message[Any], extra: Collection[str] = ()
) -> None:
    """Let this caller send the fields of this request, or raise.

    ``extra`` are the names of values beyond the message.
    """
    if caller.kind.is_operators:
        return
    allowed = _fields(method, caller) or ()
    beyond = (name for name in extra if name not in allowed)
    path = next(chain(beyond, _foreign(message, allowed)), None)
    if path is not None:
        named, description = path[:_TOLD], "is not among what this caller may send"
        raise errors.PermissionDenied(
            f"{named}: {description}", violations=(errors.Violation(named, "caller", description),)
        )


def _check_scopes(method: Method, scopes: frozenset[str]) -> None:
    """Let a management client that does not hold all scopes make a call, or raise `check`'s."""
    if scopes.isdisjoint(method.scopes) and not _is_for_anybody(method):
        needed = " or ".join(method.scopes)
        raise errors.PermissionDenied(
            f"this call needs the management scope {needed}, which the access token lacks"
            if needed
            else "this call needs a client that holds all management scopes"
        )


def _is_for_anybody(method: Method) -> bool:
    return method.for_anybody and not method.permissions


def _fields(method: Method, caller: Caller) -> tuple[str, ...] | None:
    """Return the paths of what a caller may send; None where it may not call at all."""
    own = method.fields.get(caller.kind)
    return method.fields.get(Kind.ANONYMOUS) if own is None else own


def _foreign(message: Message[Any], allowed: tuple[str, ...], path: str = "") -> Iterator[str]:
    """Yield the paths of fields in a message beside the allowed; it looks into nothing else."""
    for field in message:
        if field not in message:
            continue
        where = f"{path}{field.name}"
        value = message[field]
        if where in allowed:
            if isinstance(value, FieldMask):
                yield from _masked(message, value, allowed)
        elif isinstance(field.value, DescFieldValueMessage) and any(
            one.startswith(f"{where}.") for one in allowed
        ):
            yield from _foreign(value, allowed, f"{where}.")
        else:
            yield where


def _masked(message: Message[Any], mask: FieldMask, allowed: tuple[str, ...]) -> Iterator[str]:
    """Yield what a mask names beside the allowed.

    It clears fields that it names and the request leaves out. Its paths lie inside a field of the
    message, with that field's name before them or without.
    """
    within = [f"{field.name}." for field in message.desc().fields]
    for path in mask.paths:
        inside = "." in path and path in allowed
        if not inside and not any(f"{name}{path}" in allowed for name in within):
            yield path


def _missing(method: Method, caller: Caller) -> str:
    needed = f"one of the permissions {', '.join(method.permissions)}"
    if caller.token_scopes is None:
        return f"this caller needs {needed}"
    return (
        f"the access token needs the issuer in its aud, and in its scope {needed}, which the "
        "person has to have as well"
    )
