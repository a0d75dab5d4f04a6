"""A customer changes the domains of their own organization, and of no other."""

from __future__ import annotations

import pytest
from apis import refused, unique


async def test_a_claim_waits_for_its_proof(customer, events):
    await events.new()
    name = f"{unique()}.com"
    claim = await customer.claim(name)
    assert claim["verification_status"] == "PENDING"
    assert claim["verification_method"] == "DNS"
    assert claim["txt_record_key"] == f"_tenantry-domain-verification.{name}"
    assert claim["txt_record_secret"].startswith("tn_dom_verify_")
    assert len(claim["txt_record_secret"]) == len("tn_dom_verify_") + 43
    assert await customer.get(claim) == claim
    (event,) = await events.new()
    assert event["type"] == "organization.domain_created"
    assert event["actor"]["type"] == "portal_session"
    assert event["after"]["verification_status"] == "PENDING"
    assert event["after"]["txt_record_secret"] == claim["txt_record_secret"]


async def test_every_claim_has_a_secret_of_its_own(customer, new_customer):
    name, other = f"{unique()}.com", await new_customer()
    first = await customer.claim(name)
    second = await other.claim(name)  # side by side, until one has proven it
    await customer.api.domains.delete_domain(organization_id=customer.id, id=first["id"])
    third = await customer.claim(name)
    assert len({claim["txt_record_secret"] for claim in (first, second, third)}) == 3


async def test_what_another_has_proven_cannot_be_claimed(customer, rest, make):
    organization, name = await make.organization(), f"{unique()}.com"
    await rest.domains.create_domain(organization_id=organization["id"], domain={"domain": name})
    with refused("INVALID_ARGUMENT", "domain", says="duplicate key not allowed"):
        await customer.claim(name)
    await customer.claim(f"mail.{name}")  # names match exactly


async def test_a_claim_keeps_nobody_else_out(customer, rest, make, events):
    claim = await customer.claim()
    organization = await make.organization()
    answer = await rest.domains.create_domain(
        organization_id=organization["id"], domain={"domain": claim["domain"]}
    )
    assert answer["domain"]["verification_status"] == "VERIFIED"


async def test_a_name_must_have_room_for_its_record(customer, rest):
    longest = ".".join(["a" * 60] * 3) + f".{unique()}.com"
    longest += "" if len(longest) > 230 else ".".join(["", "b" * 30])
    assert len(longest) in range(225, 254)
    with refused("INVALID_ARGUMENT", "domain.domain", says="TXT record"):
        await customer.claim(longest)
    await rest.domains.create_domain(organization_id=customer.id, domain={"domain": longest})


async def test_another_organization_looks_like_none(customer, new_customer, subtests):
    other = await new_customer()
    claim = await other.claim()
    calls = {
        "get_domain": {"id": claim["id"]},
        "delete_domain": {"id": claim["id"]},
        "update_domain": {"id": claim["id"]},
        "verify_domain": {"id": claim["id"]},
        "list_domains": {},
        "create_domain": {"domain": {"domain": f"{unique()}.com"}},
    }
    for rpc, request in calls.items():
        for organization_id in (other.id, "org_1234567890123456789"):
            with subtests.test(rpc), refused("NOT_FOUND", says="not found"):
                await getattr(customer.api.domains, rpc)(organization_id=organization_id, **request)
        if "id" in request:
            with subtests.test(f"{rpc} of ours"), refused("NOT_FOUND", says="not found"):
                await getattr(customer.api.domains, rpc)(organization_id=customer.id, **request)
    assert await other.get(claim) == claim


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_another_organization_by_external_id_looks_like_none(customer, make, rest):
    other = await make.organization(external_id=unique())
    answer = await rest.domains.create_domain(
        organization_id=other["id"], domain={"domain": f"{unique()}.com"}
    )
    by = {"external_id": other["external_id"]}
    with refused("NOT_FOUND"):
        await customer.api.domains.list_domains(**by)
    with refused("NOT_FOUND"):
        await customer.api.domains.delete_domain(**by, id=answer["domain"]["id"])


async def test_a_portal_for_something_else_changes_no_domain(api, make, http, rest):
    organization = await make.organization()
    answer = await rest.domains.create_domain(
        organization_id=organization["id"], domain={"domain": f"{unique()}.com"}
    )
    cookie = await make.portal_session(http, organization["id"])  # single sign-on alone
    portal = api.sending(authorization=(), cookie=cookie)
    listed = await portal.domains.list_domains(organization_id=organization["id"])
    assert listed["domains"] == [answer["domain"]]
    one = {"organization_id": organization["id"], "id": answer["domain"]["id"]}
    for rpc, request in {
        "delete_domain": one,
        "update_domain": one,
        "verify_domain": one,
        "create_domain": {
            "organization_id": organization["id"],
            "domain": {"domain": f"{unique()}.com"},
        },
    }.items():
        with refused("PERMISSION_DENIED"):
            await getattr(portal.domains, rpc)(**request)


async def test_a_page_of_another_site_is_not_the_customer(customer, server):
    """A sibling domain's page sends the cookie along; browsers say where a call comes from."""
    claim = await customer.claim()
    for headers in (
        {"sec_fetch_site": "same-site", "origin": "https://evil.localhost"},
        {"sec_fetch_site": "cross-site"},
        {"origin": "https://evil.localhost"},
        {"origin": "null"},
    ):
        elsewhere = customer.api.sending(**headers)
        with refused("UNAUTHENTICATED"):
            await elsewhere.domains.delete_domain(organization_id=customer.id, id=claim["id"])
    for headers in (
        {"sec_fetch_site": "same-origin", "origin": server.url},
        {"sec_fetch_site": "none"},
        {"origin": server.url},
    ):
        ours = customer.api.sending(**headers)
        await ours.domains.get_domain(organization_id=customer.id, id=claim["id"])
