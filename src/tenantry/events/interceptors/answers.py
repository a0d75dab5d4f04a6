"""Answers of interceptors: ALLOW or DENY, and their members. Pure functions.

A member that the contract does not know is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.core import strict_json
from tenantry.core.claim_names import RESERVED, SET_BY_INTERCEPTORS
from tenantry.events.interceptors.model import (
    PRE_M2M_TOKEN_CREATION,
    PRE_SESSION_CREATION,
    PRE_SIGNUP,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOW, DENY = "ALLOW", "DENY"
CLAIMS_BYTES = 4096  # all that the interceptors of one trigger add, as JSON
CODE_MAX, MESSAGE_MAX = 50, 500
NESTED_MOST = 32
_ROLES_MAX = 50
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # one name, RFC 6749 section 3.3
# Of a token of a client: these are ours to say.
RESERVED_CLAIMS = RESERVED.keys() - SET_BY_INTERCEPTORS


class Invalid(Exception):
    """An answer breaks a rule: the member, the rule, and its fault."""

    def __init__(self, member: str, constraint: str, description: str) -> None:
        super().__init__(f"{member} {description}")
        self.member = member
        self.constraint = constraint
        self.description = description


@dataclass(frozen=True, slots=True)
class InterceptorDecision:
    """A decision. ``code`` and ``message`` are of a DENY, "" where it gives none.

    ``membership`` names an organization, by `organization_id` or `external_organization_id`, and
    the names of `roles` there.
    """

    decision: str
    code: str = ""
    message: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    membership: dict[str, Any] | None = None


def read(body: bytes, trigger: str) -> tuple[dict[str, Any], InterceptorDecision]:
    """Return the answer at a trigger, as it came and as it is understood.

    Raises:
        Invalid: it breaks a rule. A DENY never does: it stands beside any other fault.

    """
    try:
        # Not bounded: a DENY stands, however much is said beside it.
        content = strict_json.loads(body, bounded=False)
    except ValueError:
        raise Invalid("body", "json", "is no JSON") from None
    if not isinstance(content, dict):
        raise Invalid("body", "type", "must be an object")
    decision = content.get("decision")
    if decision == DENY:
        if _is_deep(content, NESTED_MOST):
            content = {"decision": DENY}  # which is all of it that can be shown
        return content, _denied(content)
    if _is_deep(content, NESTED_MOST):
        raise Invalid("body", "depth", f"has more than {NESTED_MOST} levels")
    if decision != ALLOW:
        raise Invalid("decision", "in", "is required, and is ALLOW or DENY")
    response = _object(content.get("response"), "response")
    claims: dict[str, Any] = {}
    membership = None
    if trigger in {PRE_SESSION_CREATION, PRE_M2M_TOKEN_CREATION}:
        claims = _object(response.get("claims"), "response.claims")
        if trigger == PRE_M2M_TOKEN_CREATION:
            claims = _token_claims(claims)
        check_size(claims)
    elif trigger == PRE_SIGNUP:
        membership = _membership(response.get("create_organization_membership"))
    return content, InterceptorDecision(ALLOW, claims=claims, membership=membership)


def problem_of_error(content: Mapping[str, Any]) -> Invalid | None:
    """Return the fault of a DENY's `error`, which then says nothing to the person."""
    error = content.get("error")
    if error is None:
        return None
    if not isinstance(error, dict):
        return Invalid("error", "type", "must be an object")
    for name, most in (("code", CODE_MAX), ("message", MESSAGE_MAX)):
        value = error.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= most or "\0" in value:
            return Invalid(f"error.{name}", "string", f"must be a text of 1 to {most} characters")
    return None


def check_size(claims: Mapping[str, Any]) -> None:
    """Refuse claims that are too many to be put into a token.

    Raises:
        Invalid: they take more than 4 KiB as JSON, or hold a NUL character.

    """
    written = orjson.dumps(claims)
    if len(written) > CLAIMS_BYTES:
        raise Invalid(
            "response.claims", "max_bytes", f"take more than {CLAIMS_BYTES} bytes as JSON"
        )
    if strict_json.has_nul(claims, spelled=written):
        raise Invalid("response.claims", "pattern", "must not hold a NUL character")


def _denied(content: Mapping[str, Any]) -> InterceptorDecision:
    error = content.get("error")
    if not isinstance(error, dict) or problem_of_error(content) is not None:
        return InterceptorDecision(DENY)
    return InterceptorDecision(DENY, code=error["code"], message=error["message"])


def _object(value: Any, member: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(member, "type", "must be an object")
    return value


def _token_claims(claims: dict[str, Any]) -> dict[str, Any]:
    """Return the claims for a client's token, with scope, scopes and aud in one form each."""
    reserved = sorted(RESERVED_CLAIMS & claims.keys())
    if reserved:
        raise Invalid(f"response.claims.{reserved[0]}", "reserved", "may not be replaced")
    given = dict(claims)
    if "custom_claims" in given:
        given["custom_claims"] = _object(given["custom_claims"], "response.claims.custom_claims")
    names: Any = given.get("scopes")
    if "scope" in given:  # what it says goes
        names = given["scope"].split() if isinstance(given["scope"], str) else given["scope"]
    if {"scope", "scopes"} & given.keys():
        if not _is_texts(names) or not all(_SCOPE.fullmatch(name) for name in names):
            raise Invalid("response.claims.scope", "pattern", "must be names of scopes")
        given["scopes"] = list(dict.fromkeys(names))
        given["scope"] = " ".join(given["scopes"])
    if "aud" in given:
        audience = [given["aud"]] if isinstance(given["aud"], str) else given["aud"]
        if not audience or not _is_texts(audience) or not all(audience):
            raise Invalid("response.claims.aud", "type", "must be a text or a list of texts")
        given["aud"] = audience
    return given


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _membership(value: Any) -> dict[str, Any] | None:
    member = "response.create_organization_membership"
    if value is None:
        return None
    given = _object(value, member)
    named = {
        name: given[name]
        for name in ("organization_id", "external_organization_id")
        if given.get(name) not in (None, "")
    }
    if len(named) != 1:
        raise Invalid(
            member, "oneof", "must have one of organization_id and external_organization_id"
        )
    ((name, text),) = named.items()
    if not isinstance(text, str) or len(text) > 255 or "\0" in text:
        raise Invalid(f"{member}.{name}", "string", "must be a text of up to 255 characters")
    roles = given.get("roles") or []
    if (
        not _is_texts(roles)
        or len(roles) > _ROLES_MAX
        or not all(1 <= len(one) <= 255 and "\0" not in one for one in roles)
    ):
        raise Invalid(f"{member}.roles", "type", f"must be up to {_ROLES_MAX} names of roles")
    return {name: text, "roles": roles}


def _is_deep(value: Any, left: int) -> bool:
    """Whether objects and lists are nested deeper than a limit."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_is_deep(one, left - 1) for one in inner)
