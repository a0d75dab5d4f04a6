"""Reading, listing and deleting domains, each within its organization."""

from __future__ import annotations

from typing import Any

import pytest
from apis import refused, unique

from tenantry.gen.scalekit.v1.domains import domains_pb

RPCS = ("connect", "grpc", "grpc-web")
UNKNOWN = "dom_1234567890123456789"
NEW = {"domain": {"domain": "acme.example"}}
# A good request for each rpc, but for the ids.
REQUESTS = {
    "create_domain": NEW,
    "get_domain": {"id": UNKNOWN},
    "delete_domain": {"id": UNKNOWN},
    "list_domains": {},
    "update_domain": {"id": UNKNOWN, "domain": {}},
    "verify_domain": {"id": UNKNOWN},
}
OF_ONE = [rpc for rpc, request in REQUESTS.items() if "id" in request]


@pytest.fixture
async def domain(make, rest):
    """A domain of a new organization."""
    organization = await make.organization(external_id=unique())
    answer = await rest.domains.create_domain(
        organization_id=organization["id"], domain={"domain": f"{unique()}.com"}
    )
    made = answer["domain"]
    made["external_id"] = organization["external_id"]
    return made


def of(domain):
    return {"organization_id": domain["organization_id"], "id": domain["id"]}


def test_no_rpc_is_missing_here():
    (service,) = domains_pb.desc().services
    assert len(REQUESTS) + 1 == len(service.methods)  # and ListAuthorizedDomains


async def test_a_domain_is_found_in_its_organization_only(api, domain, make, subtests):
    other = await make.organization()
    for rpc in OF_ONE:
        for ids in (
            {"organization_id": other["id"], "id": domain["id"]},
            {"organization_id": domain["organization_id"], "id": UNKNOWN},
        ):
            request = REQUESTS[rpc] | ids
            with subtests.test(rpc), refused("NOT_FOUND", says="^domain not found$"):
                await getattr(api.domains, rpc)(**request)
    assert (await api.domains.get_domain(**of(domain)))["domain"]["id"] == domain["id"]


async def test_a_text_that_is_no_id_finds_no_domain(api, domain):
    organization_id = domain["organization_id"]
    for id_ in ("acme", "org_1", "DOM_1", "dom_", domain["domain"]):
        with refused("NOT_FOUND", says="^domain not found$"):
            await api.domains.get_domain(organization_id=organization_id, id=id_)
    for id_ in ("acme", "DOM_1", "dom_" + "1" * 30):
        with refused("INVALID_ARGUMENT", "id"):
            await api.domains.verify_domain(organization_id=organization_id, id=id_)


@pytest.mark.wires(*RPCS)
async def test_by_external_id(api, domain, subtests):
    by = {"external_id": domain["external_id"], "id": domain["id"]}
    assert (await api.domains.get_domain(**by))["domain"]["domain"] == domain["domain"]
    assert (await api.domains.update_domain(**by))["domain"]["domain"] == domain["domain"]
    assert (await api.domains.verify_domain(**by))["verified"]
    listed = await api.domains.list_domains(external_id=domain["external_id"])
    assert [one["id"] for one in listed["domains"]] == [domain["id"]]
    for rpc, request in REQUESTS.items():
        with subtests.test(rpc), refused("NOT_FOUND"):
            await getattr(api.domains, rpc)(external_id=unique(), **request)
    await api.domains.delete_domain(**by)
    with refused("NOT_FOUND"):
        await api.domains.get_domain(**by)


@pytest.mark.wires(*RPCS)
async def test_one_of_both_ids_is_needed(api, subtests):
    for rpc, request in REQUESTS.items():
        with subtests.test(rpc), refused("INVALID_ARGUMENT", "organization_id"):
            await getattr(api.domains, rpc)(**request)


@pytest.mark.wires("rest")
async def test_an_organization_of_the_path_is_no_other_of_the_query(api, domain, make):
    other = await make.organization(external_id=unique())
    with refused("INVALID_ARGUMENT"):
        await api.domains.get_domain(**of(domain), external_id=other["external_id"])


async def test_an_update_changes_nothing(api, domain, events):
    await events.new()
    before = await api.domains.get_domain(**of(domain))
    answer = await api.domains.update_domain(**of(domain), domain={})
    assert answer == before
    assert answer.etag == before.etag == '"1"'
    assert await events.new() == []
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED"):
        await api.sending(if_match='"7"').domains.update_domain(**of(domain))


async def test_what_the_server_decides_cannot_be_set(rest, http, token, domain, make):
    organization = await make.organization()
    headers = {"authorization": f"Bearer {token}"}
    path = f"/api/v1/organizations/{organization['id']}/domains"
    for more in (
        {"verification_status": "VERIFIED"},
        {"verification_method": "ADMIN"},
        {"organization_id": domain["organization_id"]},
        {"id": "dom_1"},
        {"create_time": "2020-01-01T00:00:00Z"},
        {"txt_record_secret": "mine"},
    ):
        body = {"domain": f"{unique()}.com", **more}
        answer = await http.post(path, json=body, headers=headers)
        assert answer.status_code == 400, more
        one = f"/api/v1/organizations/{domain['organization_id']}/domains/{domain['id']}"
        answer = await http.patch(one, json=more, headers=headers)
        assert answer.status_code == 400, more
    listed = await rest.domains.list_domains(organization_id=organization["id"])
    assert listed["domains"] == []


async def test_a_deleted_domain_is_gone(api, domain, events):
    await events.new()
    await api.domains.delete_domain(**of(domain))
    (event,) = await events.new()
    assert event["type"] == "organization.domain_deleted"
    assert event["organization_id"] == domain["organization_id"]
    assert event["after"] is None
    assert event["before"]["domain"] == domain["domain"]
    listed = await api.domains.list_domains(organization_id=domain["organization_id"])
    assert listed["domains"] == []
    for rpc in OF_ONE:
        with refused("NOT_FOUND", says="^domain not found$"):
            await getattr(api.domains, rpc)(**REQUESTS[rpc] | of(domain))
    assert await events.new() == []


async def test_an_organization_without_domains_has_an_empty_list(api, make):
    organization = await make.organization()
    answer = await api.domains.list_domains(organization_id=organization["id"])
    assert answer == {"page_size": 30, "page_number": 0, "domains": []}


async def test_pages_are_by_number_from_0_newest_first(api, make, rest):
    organization_id = (await make.organization())["id"]
    made = []
    for number in range(7):
        kind = "ALLOWED_EMAIL_DOMAIN" if number % 2 else "ORGANIZATION_DOMAIN"
        answer = await rest.domains.create_domain(
            organization_id=organization_id,
            domain={"domain": f"{unique()}.com", "domain_type": kind},
        )
        made.insert(0, answer["domain"])

    async def page(**request: Any):
        answer = await api.domains.list_domains(organization_id=organization_id, **request)
        return answer["domains"]

    assert await page() == made
    assert [await page(page_size=3, page_number=n) for n in range(4)] == [
        made[0:3],
        made[3:6],
        made[6:],
        [],
    ]
    assert await page(page_number=2147483647, page_size=100) == []
    allowed = [one for one in made if one["domain_type"] == "ALLOWED_EMAIL_DOMAIN"]
    assert await page(domain_type="ALLOWED_EMAIL_DOMAIN") == allowed
    assert await page(domain_type="ALLOWED_EMAIL_DOMAIN", page_size=2, page_number=1) == allowed[2:]
    assert await page(domain_type="DOMAIN_TYPE_UNSPECIFIED") == made
    assert await page(include="verification_details", connection_id="conn_1") == made
    answer = await api.domains.list_domains(
        organization_id=organization_id, page_size=101, page_number=1
    )
    assert (answer["page_size"], answer["page_number"]) == (100, 1)


async def test_a_page_before_the_first_is_refused(api, make):
    organization_id = (await make.organization())["id"]
    for request in ({"page_size": -1}, {"page_number": -1}, {"page_number": -2147483648}):
        with refused("INVALID_ARGUMENT", *request):
            await api.domains.list_domains(organization_id=organization_id, **request)


async def test_who_may_frame_the_portal_is_told_to_anybody(api, server):
    """The origins of registered callbacks, for any origin that is asked about; no customer."""
    nobody = api.sending(authorization=())
    for origin in ("https://app.example.com", "null", server.url):
        answer = await nobody.domains.list_authorized_domains(origin=origin, link_id="lnk_1")
        assert {*answer} == {"domains"}
        assert all(one.startswith(("https://", "http://")) for one in answer["domains"])
