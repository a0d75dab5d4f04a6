"""One list of claims that are ours, held against the tokens that are issued."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from apis import refused, unique
from signins import ALL

from tenantry.access.clients import applications, reading
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.core import claim_names
from tenantry.core.times import SECOND, now
from tenantry.events.interceptors import answers
from tenantry.events.interceptors.model import PRE_M2M_TOKEN_CREATION
from tenantry.identity.grants import claims, subjects
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds, Impersonation
from tenantry.identity.sessions.termination.back_channel import BackChannel
from tenantry.identity.tokens.access_tokens import AccessTokens
from tenantry.identity.tokens.id_tokens import IdTokens
from tenantry.identity.tokens.user_tokens import UserTokens

# A person's own, which scopes ask for: a template may put them into an access token.
OF_SCOPES = frozenset(
    {
        *("email", "name", "given_name", "family_name", "preferred_username", "picture"),
        *("gender", "locale", "phone_number", "profile", "birthdate", "birth_date", "zoneinfo"),
        "zone_info",
    }
)


class Ring:
    """Keys whose signatures show what they sign."""

    async def signer(self, _algorithm: str):
        return lambda claims: claims


@pytest.fixture
async def emitted(signins, make, rest, database):
    """The names of all claims in tokens of each kind, of a user with every attribute."""
    organization = await make.organization(external_id=unique("org"))
    permission, role = unique("perm").replace("-", "_"), unique("role").replace("-", "_")
    await rest.roles.create_permission(permission={"name": permission, "description": "Do"})
    await rest.roles.create_role(
        role={"name": role, "display_name": "A role", "permissions": [permission]}
    )
    user = await make.user(
        organization["id"],
        external_id=unique("user"),
        membership={"roles": [{"name": role}]},
        user_profile={"first_name": "Ada", "last_name": "Lovelace", "phone_number": "+14155550100"},
        metadata={"seats": "12"},
    )
    app = await signins.application()
    client = await applications.get(signins.call, app.id)
    scopes, issuer, signed = ALL.split(), "https://issuer.example", object()
    effective = SimpleNamespace(settings=SimpleNamespace(access_token_minutes=5))
    kinds: dict[str, set[str]] = {}
    operator = Impersonation("opr_1", "Ada", "Ticket 4711", now() + 3600 * SECOND)
    for compact in (False, True):
        of_users = UserTokens(
            *(database, Ring(), signed), issuer=issuer, effective=effective, compact=compact
        )
        of_ids = IdTokens(Ring(), issuer, compact=compact)
        for impersonation in (None, operator):
            _, secret = await sessions.begin(
                signins.call,
                user_id=user["id"],
                organization_id=organization["id"],
                client_id=None,
                amr=(),
                bounds=Bounds(480, None),
                custom_claims={"tier": "gold"},
                impersonation=impersonation,
            )
            subject = await subjects.find_of_cookie(database, secret)
            issued = await of_users.issue(of_users.draft(client), client, subject, scopes)
            told = await of_ids.issue(
                client,
                subject,
                scopes,
                nonce="n",
                auth_time=now(),
                access_token="x",
                code="x",
            )
            named = f"{compact=} {impersonation is not None}"
            kinds[f"access token {named}"] = {*issued.token}
            kinds[f"ID token {named}"] = {*told}
            kinds[f"userinfo {named}"] = {*claims.userinfo(subject, scopes)}
    of_clients = AccessTokens(database, object(), Ring(), signed, issuer=issuer)
    client_id, _ = await make.client(organization["id"])
    identity = ClientIdentifier(client_id, anywhere=True)
    for one in (client, await reading.get(database, identity)):
        issued = await of_clients.issue(one, of_clients.claims(one, scopes))
        kinds[f"token of a {one.client_type}"] = {*issued.token}
    kinds["logout token"] = {
        *BackChannel._claims(
            SimpleNamespace(_issuer=issuer),
            database,
            SimpleNamespace(sub=None, user_id="usr_1", client_id="skc_1", session_id="ses_1"),
        )
    }
    return kinds


async def test_each_claim_of_a_token_is_reserved_or_of_a_scope(emitted):
    for kind, names in emitted.items():
        unknown = names - claim_names.RESERVED.keys() - claim_names.OF_PERSON - OF_SCOPES
        assert not unknown, kind
    found = set().union(*emitted.values())
    # They hold what they should: otherwise this test would show nothing.
    assert found >= {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "oid", "xoid", "xuid"),
        *("sid", "scope", "scopes", "roles", "permissions", "custom_claims", "act", "amr"),
        *("auth_time", "nonce", "at_hash", "c_hash", "events", "azp", "email_verified"),
        *("phone_number_verified", "updated_at", "metadata"),
    }


async def test_no_custom_attribute_has_the_name_of_one(emitted, rest):
    names = set().union(*emitted.values()) | claim_names.RESERVED.keys() | claim_names.OF_PERSON
    # Those that a product keeps itself are custom attributes, which become claims.
    names -= {"birthdate", "birth_date", "zoneinfo", "zone_info", "profile"}
    attributes = rest.user_attributes
    for create in (
        attributes.create_sso_user_attribute,
        attributes.create_directory_user_attribute,
    ):
        for name in sorted(names):
            with refused("INVALID_ARGUMENT", says="is reserved for a standard attribute or claim"):
                await create(user_attribute={"key": name, "label": "Label", "datatype": "STRING"})


async def test_no_template_and_no_interceptor_sets_one(emitted, rest):
    ours = claim_names.RESERVED.keys()
    for name in sorted(set().union(*emitted.values()) & ours | ours):
        with refused("INVALID_ARGUMENT", f"template.{name}", says="is a reserved claim"):
            await rest.interceptors.upsert_token_template(template={name: "user.email"})
        if name in claim_names.SET_BY_INTERCEPTORS:
            continue
        body = f'{{"decision": "ALLOW", "response": {{"claims": {{"{name}": "x"}}}}}}'.encode()
        with pytest.raises(answers.Invalid, match="may not be replaced"):
            answers.read(body, PRE_M2M_TOKEN_CREATION)
