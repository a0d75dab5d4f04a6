"""Who may make a call: read off the contract's auth option; an rpc without it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.caller import Kind

if TYPE_CHECKING:
    from tenantry.caller import Caller
    from tenantry.transport.methods import Method


def check(method: Method, caller: Caller) -> None:
    """Let this caller make this call, or raise.

    Raises:
        errors.Unauthenticated: the call needs an access token and there is none.
        errors.PermissionDenied: this kind of caller, or this one, may not make it.

    """
    if not method.allowed & (caller.kind.value | Kind.ANONYMOUS.value):
        if caller.kind is Kind.ANONYMOUS and method.allowed:
            raise errors.Unauthenticated
        raise errors.PermissionDenied
    if caller.kind is Kind.USER_SESSION:
        # A person needs a permission where others need none, unless anybody may call.
        anybody = method.allowed & Kind.ANONYMOUS.value and not method.permissions
        if method.own or anybody:
            return
    elif caller.permissions is None or not method.permissions:
        return
    assert caller.permissions is not None
    if caller.permissions.isdisjoint(method.permissions):
        raise errors.PermissionDenied(
            f"this caller needs one of the permissions {', '.join(method.permissions)}"
        )
