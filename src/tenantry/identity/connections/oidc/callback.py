"""The answer that a browser brings back: a code or an error (section 3.1.2.5, RFC 9207)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of what people or the provider have to do first (sections 3.1.2.6 and RFC 6749 4.1.2.1).
_LOGIN_REQUIRED = {
    *("login_required", "interaction_required", "consent_required"),
    *("account_selection_required", "user_login_required"),
}
_NOT_COMPLETED = {"access_denied", "user_cancelled_login", "user_cancelled_authorize"}
_UNAVAILABLE = {"server_error", "temporarily_unavailable"}
_CODE_MAX = 8192  # characters


@dataclass(frozen=True, slots=True)
class CallbackResponse:
    """An answer of a provider, as it came: the members are not verified."""

    members: Mapping[str, str] = field(repr=False)

    @property
    def state(self) -> str:
        """The secret of the request that it answers."""
        return self.members.get("state", "")


def hold_to_issuer(answer: CallbackResponse, issuer: str, *, says_issuer: bool) -> None:
    """Refuse the answer of another provider, errors included (RFC 9207 section 2.4).

    ``says_issuer`` is what the provider's metadata promises. An issuer of many tenants cannot be
    compared here: the ID token says which one it is.
    """
    found = answer.members.get("iss")
    if found is None:
        if says_issuer:
            raise OIDCError(faults.NO_ANSWER_ISSUER)
    elif issuer and "{tenantid}" not in issuer and found != issuer:
        raise OIDCError(faults.ANSWER_ISSUER, found=found, expected=issuer)


def code(answer: CallbackResponse) -> str:
    error = answer.members.get("error")
    if error:
        description = answer.members.get("error_description", "")
        found = f"{error}, {description}" if description else error
        if error in _LOGIN_REQUIRED:
            raise OIDCError(faults.LOGIN_REQUIRED, found=found)
        if error in _NOT_COMPLETED:
            raise OIDCError(faults.NOT_COMPLETED, found=found)
        if error in _UNAVAILABLE:
            raise OIDCError(faults.UNAVAILABLE, found=found)
        raise OIDCError(faults.REFUSED, found=found)
    found = answer.members.get("code", "")
    if not 0 < len(found) <= _CODE_MAX:
        raise OIDCError(faults.PARAMETER, name="code")
    return found
