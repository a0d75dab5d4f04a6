"""The mails of passwordless requests: code and link are made when one goes out.

The template_variables of an application are for templates of the operator's, under the names it
gives; ours show none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from tenantry.access.clients.uris import return_targets
from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.events.email import branding
from tenantry.events.email import service as email_service
from tenantry.i18n import languages
from tenantry.identity.authenticators.passwordless import proofs
from tenantry.identity.authenticators.passwordless.model import (
    NO_ACCOUNT,
    SIGNUP,
    Request,
    passwordless_requests,
)
from tenantry.tenants.organizations.model import Branding, organizations
from tenantry.tenants.users.model import full_name, users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email
    from tenantry.settings import Settings

SIGN_IN_CODE, SIGN_UP_CODE, NO_ACCOUNT_EMAIL = "sign_in_code", "sign_up_code", "no_account"
TEMPLATES = (SIGN_IN_CODE, SIGN_UP_CODE, NO_ACCOUNT_EMAIL)
# The names of a request's own variables.
# The one by which an application says the language of its mail.
LANGUAGE = "user_language"
RESERVED = {"otp", "link", "expire_time", "expiry_time", "expiry_time_relative"}

_FILES = {SIGNUP: SIGN_UP_CODE, NO_ACCOUNT: NO_ACCOUNT_EMAIL}

_r = passwordless_requests.c
_FIND = Statement(
    select(
        passwordless_requests,
        *(organizations.c.display_name, organizations.c.branding),
        users.c.profile,
    )
    .join_from(
        passwordless_requests,
        organizations,
        organizations.c.id == _r.organization_id,
        isouter=True,
    )
    .join(users, users.c.email_key == _r.email_key, isouter=True)
    .where(_r.id == bindparam("p_id"), _r.generation == bindparam("p_generation"))
)


def check_variables(variables: Mapping[str, str]) -> None:
    """Check the names that an application gives to its variables."""
    for name in variables:
        if name in RESERVED:
            raise errors.InvalidArgument.field(
                f'template_variables["{name}"]',
                "reserved",
                f"is a reserved name, as are {', '.join(sorted(RESERVED - {name}))}",
            )


def row(
    db: Session, request: Request, *, language: str | None = None, client_id: str = ""
) -> dict[str, Any]:
    """Return the parameters of `tenantry.events.email.service.INSERT` for the mail of a request.

    ``language`` is that of the page where it was asked for, and ``client_id`` names the
    application that the person came from there.
    """
    return email_service.row(
        db,
        template=_FILES.get(request.template, SIGN_IN_CODE),
        recipient=request.email,
        organization_id=request.organization_id,
        variables={
            "request_id": request.id,
            "generation": request.generation,
            **({"language": language} if language else {}),
            **({"client_id": client_id} if client_id else {}),
        },
    )


async def email_variables(db: Session, mail: Email, settings: Settings) -> dict[str, Any] | None:
    """Return the variables of a request's mail; None if it is used or over, or was replaced."""
    found = await db.fetch_one(
        _FIND, p_id=mail.variables["request_id"], p_generation=mail.variables["generation"]
    )
    at = now()
    request = None if found is None else Request.from_row(found)
    if found is None or request is None or not request.is_good(at):
        return None
    own = Branding.read(found["branding"])
    client_id = mail.variables.get("client_id", "")
    client = await return_targets.name_of(db, client_id)
    profile = from_json(found["profile"]) if found["profile"] else {}
    shown: dict[str, Any] = {
        **request.template_variables,
        **branding.variables(settings, own.color if own else "", client),
        "organization_name": found["display_name"],
        "user_email": request.email,
        "user_name": full_name(profile),
        "otp": None,
        "link": None,
        "expire_time": request.expire_time,
        "expiry_time": request.expire_time,
        "user_language": _language(mail, request, profile),
    }
    if mail.template == NO_ACCOUNT_EMAIL:
        target = await return_targets.of_client_or_only(db, client_id or None)
        shown["app_url"] = target.uri if target else ""
    if request.has_code:
        shown["otp"] = proofs.code(db, request.id, request.generation)
    if request.has_link and request.link_uri is not None:
        token = proofs.link_token(db, request.id, request.generation)
        shown["link"] = proofs.link(request.link_uri, token)
    return shown


def _language(mail: Email, request: Request, profile: Mapping[str, str]) -> str | None:
    """Return the language of a mail: that of the page where it was asked for, or the person's.

    An application that asks names it among its variables, if it knows.
    """
    asked = mail.variables.get("language") or request.template_variables.get(LANGUAGE)
    return languages.best("", [tag for tag in (asked, profile.get("locale")) if tag])
