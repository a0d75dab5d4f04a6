"""A portal session may read its own organization, and nothing else of anyone."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest
from apis import Api, refused
from portals import expire_session
from sqlalchemy import select

from tenantry.db.sql.statements import Statement
from tenantry.gen.google.api import annotations_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.tenants.portal_links.model import portal_sessions

READ = "GetOrganization"
(SERVICE,) = organizations_pb.desc().services
OTHERS = [method.name for method in SERVICE.methods if method.name != READ]
BODIES = {
    "CreateOrganization": {"display_name": "Mine"},
    "UpdateOrganization": {"display_name": "Mine"},
    "UpdateOrganizationSettings": {"features": [{"name": "dir_sync", "enabled": True}]},
    "UpdateOrganizationSessionPolicy": {"policy_source": "APPLICATION"},
    "UpdateOrganizationBranding": {"source": "BRANDING_SOURCE_CUSTOM"},
    "UpsertUserManagementSettings": {"settings": {"max_allowed_users": 1000}},
}


@pytest.fixture
async def session(http, make):
    """An organization and the headers of the browser in its portal."""
    made = await make.organization(external_id=None)
    return made, {"cookie": await make.portal_session(http, made["id"])}


def route(name, organization_id):
    (method,) = (method for method in SERVICE.methods if method.name == name)
    rule = method.proto.options[annotations_pb.ext_http]
    values = {"link_id": "lnk_1"}
    path = re.sub(
        r"\{(\w+)\}",
        lambda found: quote(values.get(found[1], organization_id)),
        str(rule.pattern.value),
    )
    if name == "SearchOrganization":
        path += "?query=acme"
    return rule.pattern.field.upper(), path


async def test_it_reads_its_own_organization(http, session):
    made, cookie = session
    answer = await http.get(f"/api/v1/organizations/{made['id']}", headers=cookie)
    assert answer.status_code == 200
    assert answer.json()["organization"] == made


async def test_another_organization_looks_like_none(http, session, make):
    _, cookie = session
    other = await make.organization()
    seen = [
        await http.get(f"/api/v1/organizations/{organization_id}", headers=cookie)
        for organization_id in (other["id"], "org_1234567890123456789")
    ]
    assert [answer.status_code for answer in seen] == [404, 404]
    bodies = [answer.json() for answer in seen]
    for body in bodies:
        del body["details"][0]["request_info"]
    assert bodies[0] == bodies[1]


async def test_it_may_do_nothing_else_to_anyone(http, session, make, rest):
    made, cookie = session
    other = await make.organization()
    for organization in (made, other):
        for name in OTHERS:
            verb, path = route(name, organization["id"])
            answer = await http.request(verb, path, json=BODIES.get(name), headers=cookie)
            assert answer.status_code == 403, (name, answer.text)
            assert answer.json()["details"][0]["error_code"] == "PERMISSION_DENIED"
        read = await rest.organizations.get_organization(id=organization["id"])
        assert read["organization"] == organization


async def test_over_the_other_wires_it_may_do_no_more(wire, session, make):
    made, cookie = session
    other = await make.organization()
    api = Api(wire, tuple(cookie.items()))
    with refused("NOT_FOUND"):
        await api.organizations.get_organization(id=other["id"])
    with refused("PERMISSION_DENIED"):
        await api.organizations.list_organization()
    with refused("PERMISSION_DENIED"):
        await api.organizations.delete_organization(id=made["id"])


async def test_a_bad_access_token_beside_it_is_a_bad_access_token(http, session):
    made, cookie = session
    answer = await http.get(
        f"/api/v1/organizations/{made['id']}",
        headers={**cookie, "authorization": "Bearer bad"},
    )
    assert answer.status_code == 401


async def test_its_secret_is_no_access_token(http, session):
    made, cookie = session
    secret = cookie["cookie"].partition("=")[2]
    for scheme in ("Bearer", "Basic", "Cookie"):
        answer = await http.get(
            f"/api/v1/organizations/{made['id']}", headers={"authorization": f"{scheme} {secret}"}
        )
        assert answer.status_code == 401


async def test_a_cookie_of_another_name_is_none(http, session):
    made, cookie = session
    secret = cookie["cookie"].partition("=")[2]
    for name in ("tenantry_portal", "__host-tenantry_portal", "__Secure-tenantry_portal"):
        answer = await http.get(
            f"/api/v1/organizations/{made['id']}", headers={"cookie": f"{name}={secret}"}
        )
        assert answer.status_code == 401


async def test_after_its_time_a_caller_is_needed(http, session, database):
    made, cookie = session
    rows = await database.fetch_all(Statement(select(portal_sessions)))
    (session_id,) = [row["id"] for row in rows if row["organization_id"] == made["id"]]
    await expire_session(database, session_id)
    answer = await http.get(f"/api/v1/organizations/{made['id']}", headers=cookie)
    assert answer.status_code == 401
    assert json.loads(answer.text)["message"] == "Token empty"


async def test_an_organization_in_the_body_does_not_widen_it(http, session, make):
    """The caller's organization comes from the session alone."""
    made, cookie = session
    other = await make.organization()
    for path in (f"?id={other['id']}", f"?organization_id={other['id']}"):
        answer = await http.get(f"/api/v1/organizations/{made['id']}{path}", headers=cookie)
        assert answer.status_code == 400
    answer = await http.request(
        "GET",
        f"/api/v1/organizations/{made['id']}",
        json={"id": other["id"]},
        headers=cookie,
    )
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        assert answer.json()["id"] == made["id"]


async def test_the_way_out_of_its_path_leads_nowhere(http, session, make, server):
    _, cookie = session
    other = await make.organization()
    for path in (
        f"/api/v1/organizations/x/../{other['id']}",
        f"/api/v1/organizations/%2e%2e/organizations/{other['id']}",
        f"//api/v1/organizations/{other['id']}",
        f"/api/v1//organizations/{other['id']}",
        f"/api/v1/organizations/{other['id']}/",
        f"/api/v1/organizations/{other['id']}%00",
        f"/api/v1/organizations:external/{other['id']}",
        f"/API/V1/organizations/{other['id']}",
    ):
        answer = await http.get(server.url + path, headers=cookie)
        assert answer.status_code in {400, 403, 404}, path
        assert other["display_name"] not in answer.text


async def test_a_guess_of_a_session_costs_no_error(http, make):
    made = await make.organization()
    for guess in ("x", "A" * 43, "é", '"', "A" * 8000, "%00", "a,b"):
        answer = await http.get(
            f"/api/v1/organizations/{made['id']}",
            headers={"cookie": f"__Host-tenantry_portal={guess}".encode()},
        )
        assert answer.status_code == 401, guess
        with pytest.raises(KeyError):
            answer.headers["set-cookie"]
