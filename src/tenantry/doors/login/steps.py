"""The steps that a form can take: which page it is on, and what it is proof or choice of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry import errors, strict_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tenantry.call import Call
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.identity.sign_in.service import SignIn

    Take = Callable[
        [SignIn, Call, AuthRequest, "Given"],
        Awaitable[AuthRequest],
    ]

# The page of each thing that a mail may be asked for.
_INTENTS = {"sign_in": "sign_in", "sign_up": "sign_up", "reset_password": "reset"}


class Given(dict[str, str]):
    """The members of a form; what is not among them is ""."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and the page that its form is on."""

    take: Take
    page: str


def page_of(name: str, given: Given) -> str:
    """Return the page that a form was posted from."""
    if name == "second-factor" and given["page"] == "recovery":
        return "recovery"
    if name == "email":
        return _INTENTS.get(given["intent"], "sign_in")
    return STEPS[name].page


async def _email(sign_in: SignIn, call: Call, found: AuthRequest, given: Given) -> AuthRequest:
    intent = given["intent"] or "sign_in"
    return await sign_in.start_email(call, found, email=given["email"], intent=intent)


async def _password(sign_in: SignIn, call: Call, found: AuthRequest, given: Given) -> AuthRequest:
    return await sign_in.verify_password(
        call, found, email=given["email"], password=given["password"]
    )


async def _passkey(sign_in: SignIn, call: Call, found: AuthRequest, given: Given) -> AuthRequest:
    credential = _object(given["credential"])
    return await sign_in.verify_passkey(call, found, given["challenge_id"], credential)


async def _code(sign_in: SignIn, call: Call, found: AuthRequest, given: Given) -> AuthRequest:
    return await sign_in.verify_code(call, found, given["code"])


async def _second_factor(
    sign_in: SignIn, call: Call, found: AuthRequest, given: Given
) -> AuthRequest:
    return await sign_in.verify_second_factor(call, found, given["code"])


async def _new_password(
    sign_in: SignIn, call: Call, found: AuthRequest, given: Given
) -> AuthRequest:
    return await sign_in.choose_password(call, found, given["password"])


async def _organization(
    sign_in: SignIn, call: Call, found: AuthRequest, given: Given
) -> AuthRequest:
    try:
        return await sign_in.choose_organization(call, found, given["organization_id"])
    except errors.NotFound:
        raise errors.InvalidArgument.field("organization_id", "in", "is none to choose") from None


async def _sign_up(sign_in: SignIn, call: Call, found: AuthRequest, given: Given) -> AuthRequest:
    return await sign_in.sign_up(
        call,
        found,
        organization_name=given["organization_name"],
        first_name=given["first_name"],
        last_name=given["last_name"],
    )


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = strict_json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise errors.InvalidArgument.field("credential", "object", "must be a JSON object")
    return value


STEPS = {
    "email": Step(_email, "sign_in"),
    "password": Step(_password, "sign_in"),
    "passkey": Step(_passkey, "sign_in"),
    "code": Step(_code, "code"),
    "second-factor": Step(_second_factor, "second_factor"),
    "new-password": Step(_new_password, "new_password"),
    "organization": Step(_organization, "organizations"),
    "sign-up": Step(_sign_up, "organization"),
}
