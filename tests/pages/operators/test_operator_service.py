"""OperatorService, and which calls operators of each role may make."""

from __future__ import annotations

import re

import pytest
from apis import unique
from operators_with_passkeys import Operator, link_of, problem_of
from served import SERVICES
from wires import ApiError

from tenantry.api import methods, policy
from tenantry.core import errors
from tenantry.core.caller import Caller, Kind

OWNERS_ALONE = {
    *("InviteOperator", "CreateOperatorLink", "UpdateOperator", "DeleteOperator"),
    "RevokeOperatorSessions",
    # Settings of the deployment.
    *("UpdateSettings", "UpdateEnvironment"),
    *("RotateSigningKeys", "GenerateNewSamlCertificate"),
    *("CreateDEK", "ActivateDEK", "ReencryptData", "DestroyDEK", "DestroyMasterKey"),
    *("CreateEnvironmentSessionSettings", "UpdateEnvironmentSessionSettings"),
    *("CreateEnvironmentUserManagement", "UpdateEnvironmentUserManagement"),
    *("UpdateFeatures", "EnableFeature", "DisableFeature"),
    # All mail goes by a server, the codes to sign in as well.
    *("CreateEmailServer", "UpdateEmailServerSettings", "DeleteEmailServer"),
    *("EnableEmailServer", "DisableEmailServer", "UpsertEmailConfiguration"),
    # Every template carries a code or a link.
    *("CreateEmailTemplate", "UpdateEmailTemplate", "EnableEmailTemplate"),
}
# Calls of a reader that REST makes by POST.
READS_BY_POST = {
    *("ListEvents", "ListEventsPaginated", "PreviewEmailTemplate"),
    *("PreviewTokenTemplate", "VerifyEvents", "SimulateOrganizationPolicy"),
}
# GETs that a reader may not send: they act, or show what lets one act.
ACTS_BY_GET = {"TriggerDirectorySync", "GetPortalLinks", "GetSupportHash"}


async def test_an_operator_is_invited_changed_and_removed(api, events):
    await events.new()
    email = f"{unique('ada')}@example.com"
    made = await api.operators.invite_operator(
        operator={"name": "Ada", "email": email, "role": "OPERATOR"}
    )
    id_ = made["operator"]["id"]
    assert "/console/enter/" in made["link"]
    assert (await api.operators.get_operator(operator_id=id_))["operator"]["email"] == email
    changed = await api.operators.update_operator(operator_id=id_, operator={"role": "READER"})
    assert (changed["operator"]["role"], changed["operator"]["name"]) == ("READER", "Ada")
    listed = (await api.operators.list_operators())["operators"]
    assert id_ in [one["id"] for one in listed]
    with pytest.raises(ApiError) as problem:
        await api.operators.invite_operator(operator={"email": email.upper()})
    assert problem.value.fields == [problem.value.spelled("operator.email")]
    assert problem.value.resource == id_
    assert not (await api.operators.revoke_operator_sessions(operator_id=id_)).get("ended")
    await api.operators.delete_operator(operator_id=id_)
    with pytest.raises(ApiError):
        await api.operators.get_operator(operator_id=id_)
    types = [one["type"] for one in await events.new() if one["type"].startswith("operator.")]
    assert types == ["operator.created", "operator.updated", "operator.deleted"]


@pytest.mark.process
async def test_a_removed_or_lowered_operator_is_so_at_once(operator_of, server, rest):
    made = await rest.operators.invite_operator(operator={"name": "Eve", "role": "OWNER"})
    eve, id_ = Operator(server, made["link"]), made["operator"]["id"]
    assert eve.get("/console/operators").status_code == 200
    operator_of("OWNER")  # another one, so that Eve is not the last
    await rest.operators.update_operator(operator_id=id_, operator={"role": "READER"})
    assert eve.post("/console/operators/invite", name="Mallory", role="OWNER").status_code == 403
    assert 'id="invite"' not in eve.get("/console/operators").text
    again = await rest.operators.create_operator_link(operator_id=id_)
    await rest.operators.revoke_operator_sessions(operator_id=id_)
    assert not eve.is_in
    assert eve.post(again["link"], name="").status_code == 303
    assert eve.is_in
    await rest.operators.delete_operator(operator_id=id_)
    assert not eve.is_in
    eve.http.close()


async def test_the_last_owner_stays(start_server):
    """On a server of its own: there are other owners elsewhere."""
    server = start_server("last-owner")
    ada = Operator(server, link_of(server))
    made = ada.post("/console/operators/invite", name="Grace", role="OWNER")
    assert made.status_code == 200
    link = re.search(r"https://[^<\s]+/console/enter/[\w-]+", made.text).group()
    assert made.headers["cache-control"] == "no-store"
    own = ada.id
    ids = re.findall(r'href="/console/operators/(opr_\d+)"', ada.get("/console/operators").text)
    first = ids[0]
    assert own in ids
    lowered = ada.post(f"/console/operators/{first}/save", name="Ada", email="", role="READER")
    assert "last owner" in problem_of(ada, lowered)
    assert "last owner" in problem_of(ada, ada.post(f"/console/operators/{first}/remove"))
    grace = Operator(server, link)
    lowered = ada.post(f"/console/operators/{first}/save", name="Ada", email="", role="READER")
    assert "done=operator_saved" in lowered.headers["location"]
    assert ada.post("/console/operators/invite", name="Eve", role="OWNER").status_code == 403
    grace.http.close()
    ada.http.close()


@pytest.mark.process
async def test_a_reader_sees_every_page_and_sends_no_form(operator_of, make):
    await make.organization()
    reader = operator_of("READER")
    for path in ("", "/overview", "/organizations", "/operators", "/me"):
        assert reader.get(f"/console{path}").status_code == 200, path
    assert reader.post("/console/operators/invite", name="Eve", role="OWNER").status_code == 403


def role(**of: bool):
    return Caller(Kind.OPERATOR, "opr_1", **of)


def may(method, caller):
    try:
        policy.check(method, caller)
    except errors.Error:
        return False
    return True


class Anything:
    """It has a method of any name."""

    def __getattr__(self, name: str) -> object:
        return self


def test_each_role_makes_the_calls_that_are_its_own():
    management = Caller(Kind.MANAGEMENT_CLIENT, "skc_1")
    served = [one for service in SERVICES for one in methods.of_service(service, Anything())]
    assert len(served) > 150
    for method in served:
        everything = may(method, management)
        assert may(method, role(owns=True)) is everything, method.name
        assert may(method, role()) is (everything and method.name not in OWNERS_ALONE), method.name
        by_get = all(route.verb == "GET" for route in method.routes) and bool(method.routes)
        reads = (by_get and method.name not in ACTS_BY_GET) or method.name in READS_BY_POST
        assert may(method, role(reads_only=True)) is (everything and reads), method.name
