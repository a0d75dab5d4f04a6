"""Calls that belong to a feature are refused to members and portal sessions while it is off."""

from __future__ import annotations

import pytest
from apis import refused
from organization_visitors import FEATURES, as_member, by_link, new_organization
from served import SERVICES

from tenantry.api import policy
from tenantry.api.methods import of_service
from tenantry.core import errors
from tenantry.core.caller import Caller, Kind, signed_in
from tenantry.identity.tokens import api_scopes
from tenantry.tenants.organizations import model
from tenantry.tenants.portal_links import service as portal_links
from tenantry.tenants.portal_links.model import PortalSession
from tenantry.web.frames.areas import AREAS

BOUND = (Kind.USER_SESSION, Kind.PORTAL_SESSION)
# The feature that a call belongs to, by the permissions that it takes.
OF_PERMISSION = {
    "connections_read": "sso",
    "connections_write": "sso",
    "sso:read": "sso",
    "sso:write": "sso",
    "directories_read": "dir_sync",
    "directories_write": "dir_sync",
    "scim:read": "dir_sync",
    "scim:write": "dir_sync",
    "organizations_sessions_read": "session_policy",
    "organizations_sessions_write": "session_policy",
}
# By the domain, as those whose people may join belong to no feature. Which domains an organization
# has is also shown where its connections and directories are set up, so reads belong to none.
BY_OBJECT = {"CreateDomain", "DeleteDomain", "UpdateDomain", "VerifyDomain"}
VERIFICATION = "domain_verification"
ALL = ("sk_org_settings_manage", "sk_org_sso_manage", "sk_org_scim_manage")
ALL += ("sk_org_session_policy_manage",)


class Nothing:
    def __getattr__(self, name) -> None: ...


METHODS = [
    method
    for service in SERVICES
    for method in of_service(service, Nothing())
    if not method.fields.keys().isdisjoint(BOUND)
]
DECLARED = [method for method in METHODS if method.feature and not method.feature_by_object]


def caller(kind, features=(), **more: object):
    """A caller of this kind with all permissions, in an organization of these features."""
    permissions = frozenset({*api_scopes.NAMES, *OF_PERMISSION, "auth_logs:read"})
    return Caller(
        kind, "x_1", "org_1", permissions, session_id="ses_1", features=frozenset(features), **more
    )


def expected(method):
    if method.name in BY_OBJECT:
        return VERIFICATION
    found = {OF_PERMISSION[name] for name in method.permissions if name in OF_PERMISSION}
    assert len(found) <= 1, method.path
    return next(iter(found), "")


def test_each_call_that_belongs_to_a_feature_declares_it():
    assert FEATURES == model.FEATURES
    for method in METHODS:
        assert method.feature == expected(method), method.path
        assert method.feature_by_object == (method.name in BY_OBJECT), method.path
    assert {method.feature for method in METHODS if method.feature} == set(FEATURES)
    assert len(DECLARED) > 40


def test_pages_hide_what_the_calls_refuse():
    assert {area.feature for area in AREAS if area.feature} == set(FEATURES)
    assert {area.feature for area in AREAS if area.in_portal} == set(portal_links.FEATURES)


def is_refused(method, who):
    try:
        policy.check(method, who)
    except errors.FeatureDisabled as problem:
        assert method.feature in problem.message  # noqa: PT017
        assert problem.code is errors.Code.PERMISSION_DENIED  # noqa: PT017
        return True
    except errors.Error:
        return False
    return False


@pytest.mark.parametrize("kind", BOUND)
def test_each_is_refused_without_its_feature_and_by_no_other(kind):
    for method in DECLARED:
        if kind not in method.fields:
            continue
        others = set(FEATURES) - {method.feature}
        assert is_refused(method, caller(kind, others)), method.path
        assert is_refused(method, caller(kind)), method.path
        policy.check(method, caller(kind, {method.feature}))
        if kind is Kind.USER_SESSION and method.token:
            scopes = frozenset(api_scopes.NAMES)
            assert is_refused(method, caller(kind, others, token_scopes=scopes)), method.path


def test_the_product_makes_them_whether_it_is_on_or_off():
    for method in DECLARED:
        for kind in (Kind.MANAGEMENT_CLIENT, Kind.OPERATOR):
            policy.check(method, Caller(kind, "x_1", owns=True))
    for kind in set(Kind) - set(BOUND):
        Caller(kind, "x_1").check_feature("sso")
    with pytest.raises(errors.FeatureDisabled):
        signed_in("usr_1", "org_1").check_feature("sso")


def test_a_portal_session_has_the_features_of_its_link_that_are_on():
    session = PortalSession("pss_1", "org_1", ("sso", "dir_sync"), 0, frozenset({"sso"}))
    assert portal_links.caller(session).features == {"sso"}
    session = PortalSession("pss_1", "org_1", ("sso",), 0, frozenset(FEATURES))
    assert portal_links.caller(session).features == {"sso"}


@pytest.fixture(params=["member", "portal"])
async def visitor(request, http, make, rest, database):
    """A live session, begun while all features were on: of a member, or by a link."""
    made = await new_organization(make, rest)
    if request.param == "member":
        found = await as_member(http, make, rest, database, made["id"], *ALL)
    else:
        found = await by_link(http, make, made["id"])
    found.is_portal = request.param == "portal"
    found.organization_id = made["id"]
    return found


async def switch(rest, organization_id, *on: str):
    await rest.organizations.update_organization_settings(
        id=organization_id,
        settings={"features": [{"name": name, "enabled": name in on} for name in FEATURES]},
    )


def calls(api, of):
    """Calls of each feature, one that changes something and one that reads."""
    organization = {"organization_id": of}
    return {
        "sso": [
            lambda: api.connections.create_connection(
                **organization, connection={"provider": "OKTA", "type": "OIDC"}
            ),
            lambda: api.connections.list_connections(**organization, include="all"),
        ],
        "dir_sync": [
            lambda: api.directories.create_directory(
                **organization, directory={"directory_type": "SCIM"}
            ),
            lambda: api.directories.list_directories(**organization),
        ],
        VERIFICATION: [
            lambda: api.domains.create_domain(
                **organization, domain={"domain": f"{of[-12:]}.example.com"}
            ),
        ],
        "session_policy": [
            lambda: api.organizations.update_organization_session_policy(
                **organization, policy_source="APPLICATION"
            ),
            lambda: api.organizations.get_organization_session_policy(**organization),
        ],
    }


async def test_a_live_session_is_refused_as_soon_as_the_feature_is_off(wire, rest, visitor):
    api = type(rest)(wire).sending(cookie=visitor.cookie)
    of = visitor.organization_id
    every = calls(api, of)
    if visitor.is_portal:
        del every["session_policy"]  # no link is for it
    for name, made in every.items():
        await switch(rest, of, *(set(FEATURES) - {name}))
        for call in made:
            with refused("PERMISSION_DENIED", error_code="FEATURE_DISABLED", says=name):
                await call()
    await switch(rest, of, *FEATURES)
    for made in every.values():
        for call in made:
            await call()


async def test_an_access_token_is_refused_too(rest, make, http, database, signins):
    made = await new_organization(make, rest)
    role = await make.organization_role(made["id"], permissions=["sk_org_scim_manage"])
    user = await make.user(made["id"], membership={"roles": [{"name": role["name"]}]})
    session, _ = await signins.session(user)
    app = await signins.application(scopes=["directories_write", "directories_read"])
    tokens = [
        (await signins.tokens(app, session, scope="openid directories_read"))["access_token"]
        for _ in range(2)
    ]
    first, second = (
        rest.sending(authorization=f"Bearer {token}").directories.list_directories
        for token in tokens
    )
    await first(organization_id=made["id"])
    await switch(rest, made["id"], "sso")
    with refused("PERMISSION_DENIED", error_code="FEATURE_DISABLED", says="dir_sync"):
        await second(organization_id=made["id"])  # whose session no process has just read


async def test_domains_by_which_people_join_belong_to_no_feature(rest, make, visitor):
    api = rest.sending(authorization=(), cookie=visitor.cookie)
    of, domains = {"organization_id": visitor.organization_id}, api.domains
    name = visitor.organization_id[-12:]
    claim = (await domains.create_domain(**of, domain={"domain": f"{name}.example.com"}))["domain"]
    joining = (await _joining(domains, of, f"join-{name}.example.com"))["domain"]
    await switch(rest, visitor.organization_id, "sso", "dir_sync")
    listed = (await domains.list_domains(**of))["domains"]
    assert {one["id"] for one in listed} == {claim["id"], joining["id"]}
    off = {"error_code": "FEATURE_DISABLED", "says": VERIFICATION}
    for call in (
        lambda: domains.delete_domain(**of, id=claim["id"]),
        lambda: domains.verify_domain(**of, id=claim["id"]),
        lambda: domains.update_domain(**of, id=claim["id"], domain={}),
        lambda: domains.create_domain(
            **of, domain={"domain": f"b-{name}.example.com", "domain_type": "ORGANIZATION_DOMAIN"}
        ),
    ):
        with refused("PERMISSION_DENIED", **off):
            await call()
    if not visitor.is_portal:
        await domains.delete_domain(**of, id=joining["id"])
        await _joining(domains, of, f"join-{name}.example.com")
        return
    with refused("PERMISSION_DENIED", **off):
        await domains.delete_domain(**of, id=joining["id"])
    with refused("PERMISSION_DENIED", **off):
        await _joining(domains, of, f"more-{name}.example.com")


async def _joining(domains, of, name):
    return await domains.create_domain(
        **of, domain={"domain": name, "domain_type": "ALLOWED_EMAIL_DOMAIN"}
    )


async def test_the_portals_first_call_shows_no_connections_once_single_sign_on_is_off(
    rest, http, make
):
    made = await new_organization(make, rest)
    await rest.connections.create_connection(
        organization_id=made["id"], connection={"provider": "OKTA", "type": "OIDC"}
    )
    visitor = await by_link(http, make, made["id"])
    for on, number in ((True, 1), (False, 0)):
        await switch(rest, made["id"], *(("sso",) if on else ()))
        answer = await http.get("/api/v1/portal/bootstrap", headers={"cookie": visitor.cookie})
        assert len(answer.json().get("connections", [])) == number
