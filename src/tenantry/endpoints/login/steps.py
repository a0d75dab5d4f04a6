"""The steps that a form can take: the page that it is on, and the function its members go to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors, strict_json
from tenantry.identity.sign_in import choosing, consenting, policy_steps, verification
from tenantry.web.forms import boxes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.call import Call
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest

_SHOWN = ("email", "organization_name", "first_name", "last_name")
# The page of each thing that a mail may be asked for.
_INTENTS = {"sign_in": "sign_in", "sign_up": "sign_up", "reset_password": "reset"}


class FormInput(dict[str, str]):
    """The members of a form; one that it does not have is ""."""

    def __missing__(self, name: str) -> str:
        return ""

    @property
    def to_json(self) -> dict[str, str]:
        """The members that are shown again after a mistake: those that are no secret."""
        return {name: self[name] for name in _SHOWN if self[name]}


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``members`` of the form are arguments of its function, by their names.

    The ticked values of each of its ``boxes`` are an argument as well.
    """

    page: str
    function: Callable[..., Awaitable[AuthRequest]]
    members: tuple[str, ...]
    boxes: tuple[str, ...] = ()

    async def take(
        self, dependencies: SignInDependencies, call: Call, request: AuthRequest, given: FormInput
    ) -> AuthRequest:
        """Take the step with the members of a form."""
        arguments: dict[str, object] = {name: given[name] for name in self.members}
        arguments |= {id_: boxes.ticked(given, id_) for id_ in self.boxes}
        return await self.function(dependencies, call, request, **arguments)


def page_of(name: str, given: FormInput) -> str:
    """Return the page that a form was posted from."""
    if name == "second-factor" and given["page"] == "recovery":
        return "recovery"
    if name == "email":
        return _INTENTS.get(given["intent"], "sign_in")
    return STEPS[name].page


async def _verify_passkey(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    *,
    challenge_id: str,
    credential: str,
) -> AuthRequest:
    try:
        value = strict_json.loads(credential)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise errors.InvalidArgument.field("credential", "object", "must be a JSON object")
    return await verification.verify_passkey(dependencies, call, request, challenge_id, value)


async def _choose_organization(
    _dependencies: SignInDependencies, call: Call, request: AuthRequest, *, organization_id: str
) -> AuthRequest:
    try:
        return await choosing.choose_organization(call, request, organization_id)
    except errors.NotFound:
        raise errors.InvalidArgument.field(
            "organization_id", "in", "must be one of the user's organizations"
        ) from None


STEPS = {
    "email": Step("sign_in", verification.start_email, ("email", "intent")),
    "password": Step("sign_in", verification.verify_password, ("email", "password")),
    "passkey": Step("sign_in", _verify_passkey, ("challenge_id", "credential")),
    "code": Step("code", verification.verify_code, ("code",)),
    "second-factor": Step("second_factor", verification.verify_second_factor, ("code",)),
    "set-up-later": Step("second_factor_setup", policy_steps.defer_setup, ()),
    "new-password": Step("new_password", verification.choose_password, ("password",)),
    "organization": Step("organizations", _choose_organization, ("organization_id",)),
    "consent": Step("consent", consenting.decide, ("decision", "organization_id"), ("scopes",)),
    "sign-up": Step(
        "organization", choosing.sign_up, ("organization_name", "first_name", "last_name")
    ),
}
