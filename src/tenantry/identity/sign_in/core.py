"""What all steps of a sign-in stand on: settings, the rooms they need, the answers they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.sign_in.model import Answer
from tenantry.tenants.memberships.signing_in import ORG_CREATOR

if TYPE_CHECKING:
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.identity.proofs.passkeys.relying_party import RelyingParty
    from tenantry.identity.proofs.passwords.service import Passwords
    from tenantry.identity.sign_in.model import AuthRequest, Params
    from tenantry.settings import Settings
    from tenantry.tenants.users.model import User

EMAIL, PASSKEY, PASSWORD = "email", "passkey", "password"


class Core:
    """The parts that every step has at hand."""

    def __init__(
        self,
        settings: Settings,
        *,
        passwords: Passwords,
        interceptors: Interceptors,
        relying_party: RelyingParty,
    ) -> None:
        self._settings = settings
        self._passwords = passwords
        self._interceptors = interceptors
        self._relying_party = relying_party

    def _may_found(self, user: User | None) -> bool:
        """Whether somebody may found one more organization."""
        most = self._settings.organizations_per_user
        if not self._settings.sign_up:
            return False
        return user is None or most == 0 or founded(user) < most

    def _answer(self, params: Params, **members: str) -> Answer:
        """Return an answer to the application, which tells from whom it is (RFC 9207)."""
        if params.state is not None:
            members["state"] = params.state
        members["iss"] = self._settings.public_url
        return Answer(params.redirect_uri, params.response_mode, members)

    def _error(self, params: Params, error: str, description: str) -> Answer:
        return self._answer(params, error=error, error_description=description)

    def _refusal(self, request: AuthRequest) -> Answer:
        """Return the answer of a request that has failed."""
        assert request.error is not None
        return self._error(
            request.params, request.error["error"], request.error["error_description"]
        )


def founded(user: User) -> int:
    """Return how many of a user's organizations it founded itself."""
    return sum(place.provisioning_method == ORG_CREATOR for place in user.memberships)


def problem(description: str, error: str = "access_denied") -> dict[str, str]:
    """Return the error that a request ends with."""
    return {"error": error, "error_description": description[:500]}
