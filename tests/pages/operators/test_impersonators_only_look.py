"""An operator in a person's place sees what the person sees, and leaves no way in behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import pytest
from organization_visitors import MEMBERS, Visitor, as_member, new_organization
from protobuf import DescFieldValueMessage
from served import SERVICES

from tenantry.api import methods, policy
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS, SYSTEM, Caller, Kind
from tenantry.endpoints.organization import web
from tenantry.identity.operators import impersonation, service
from tenantry.identity.sessions import service as sessions
from tenantry.web.frames.areas import AREAS

if TYPE_CHECKING:
    from tenantry.api.methods import Method

EVERYTHING = frozenset(name for area in AREAS for name in (area.read, area.manage))
OWN_PAGES = ("account", "organizations", "passkeys", "security")
STOP = 'action="/ui/impersonation/stop"'
# Names of members of answers that are secrets, or hold one.
SECRETS = {
    *("secret", "plain_secret", "plain_text_secret", "secrets", "token", "api_token", "password"),
    *("client_secret", "directory_secret", "hash", "support_hash", "location", "link"),
}


class Anything:
    """It has a method of any name."""

    def __getattr__(self, name: str) -> object:
        return self


SERVED = [one for each in SERVICES for one in methods.of_service(each, Anything())]


def refusal(method: Method, caller: Caller) -> type[errors.Error] | None:
    try:
        policy.check(method, caller)
    except errors.Error as problem:
        return type(problem)
    return None


def person(method: Method, impersonator: str = "") -> Caller:
    """A person with all permissions that the call may ask for, and with its feature."""
    held, features = frozenset(method.permissions), frozenset({method.feature})
    return Caller(
        Kind.USER_SESSION,
        "usr_1",
        "org_1",
        held,
        "ses_1",
        impersonator=impersonator,
        features=features,
    )


def test_in_a_persons_place_an_operator_makes_only_calls_that_change_nothing():
    for_persons = [one for one in SERVED if refusal(one, person(one)) is None]
    assert len(for_persons) > 60
    refused = {one.name for one in for_persons if refusal(one, person(one, "opr_1"))}
    for method in for_persons:
        problem = refusal(method, person(method, "opr_1"))
        if method.reads or refusal(method, ANONYMOUS) is None:
            assert problem is None, method.name
        else:
            assert problem is errors.Impersonated, method.name
    assert refused >= {
        *("CreateDirectorySecret", "RegenerateDirectorySecret", "SetDirectoryCredentials"),
        *("CreateConnection", "UpdateConnection", "EnableConnection", "CreateDomain"),
        *("CreateUserAndMembership", "CreateMembership", "UpdateMembership", "ResendInvite"),
        *("AssignUserRoles", "BeginRegistration", "DeleteCredential", "RevokeSession"),
        *("GetSupportHash", "UpdateOrganization", "UpdateOrganizationSessionPolicy"),
    }


def test_no_answer_that_they_get_has_a_secret():
    shown = {
        method.name: found
        for method in SERVED
        if refusal(method, person(method, "opr_1")) is None and refusal(method, ANONYMOUS)
        for found in [secrets_in(method.output.desc())]
        if found
    }
    # Of a connection it is a mask, of a directory the last characters.
    assert shown == {"GetConnection": {"client_secret"}, "GetDirectory": {"secrets"}}


def secrets_in(message, seen=()) -> set[str]:
    """Names of fields, at any depth, that call themselves a secret."""
    found = {field.name for field in message.fields if field.name in SECRETS}
    for field in message.fields:
        inner = getattr(field.value, "message", None)
        if isinstance(field.value, DescFieldValueMessage) and inner not in seen:
            found |= secrets_in(inner, (*seen, message))
    return found


@pytest.fixture
async def in_place(http, make, rest, database):
    """An operator in the place of a member with all permissions."""
    made = await new_organization(make, rest)
    member = await as_member(http, make, rest, database, made["id"], *sorted(EVERYTHING))
    own = await sessions.find(database, member.cookie.partition("=")[2])
    call = Call(SYSTEM, database, "req_test")
    operator, _ = await service.invite(call, email="", name="Ada", role="OPERATOR")
    secret = await impersonation.begin(
        Call(service.caller(operator), database, "req_test"),
        user_id=own.user_id,
        organization_id=made["id"],
        reason="Ticket 4711",
        minutes=30,
    )
    return Visitor(http, MEMBERS, f"__Host-tenantry_session={secret}"), made, own


async def test_pages_of_the_organization_have_no_form_and_take_none(in_place):
    visitor, _, own = in_place
    for page in web.pages(MagicMock()):
        path = f"{page.area.key}{page.path}"
        if page.verb != "GET" or page.changes:
            filled = re.sub(r"{[^}]*}", "usr_9", path)
            ask = visitor.get if page.verb == "GET" else visitor.post
            assert (await ask(filled)).status_code == 403, page
            continue
        path = re.sub(r"{[^}]*}", own.user_id if page.area.key == "users" else "x_9", path)
        answer = await visitor.get(path)
        assert answer.status_code in {200, 303, 403, 404}, (page, answer.text)
        if answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"):
            assert STOP in answer.text, page
            assert forms_of(answer.text) == [STOP], page


async def test_pages_of_the_person_have_no_form(in_place, http):
    visitor, *_ = in_place
    for name in OWN_PAGES:
        answer = await http.get(f"/ui/profile/{name}", headers={"cookie": visitor.cookie})
        assert answer.status_code == 200, name
        assert forms_of(answer.text) == [STOP], name


async def test_the_key_of_an_app_that_is_being_set_up_is_for_the_person_alone(in_place, http, rest):
    visitor, _, own = in_place
    begun = await rest.totp.register_totp(totp_registration={"user_id": own.user_id})
    for end in ("", "/qr.svg"):
        path = f"/ui/profile/security/totp/{begun['totp_registration']['id']}{end}"
        assert (await http.get(path, headers={"cookie": visitor.cookie})).status_code == 403


def forms_of(page: str) -> list[str]:
    """The forms that a page sends; without those that only look for something."""
    sent = (one for one in re.findall(r"<form[^>]*>", page) if 'method="post"' in one)
    return [re.search(r'action="[^"]*"', one).group() for one in sent]
