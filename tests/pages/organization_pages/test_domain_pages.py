"""Domain verification in both frames: add, publish the record, verify, delete."""

from __future__ import annotations

import re

import pytest
from apis import unique
from organization_visitors import as_member, by_link, new_organization, text

MANAGES = ("sk_org_settings_read", "sk_org_settings_manage")


@pytest.fixture(params=["portal", "member"])
async def admin(request, http, make, rest, database):
    """The customer's IT admin, with a link or signed in."""
    made = await new_organization(make, rest)
    if request.param == "portal":
        return made, await by_link(http, make, made["id"])
    return made, await as_member(http, make, rest, database, made["id"], *MANAGES)


def ids(page: str) -> list[str]:
    return re.findall(r'<li class="entry" id="(dom_\d+)">', page)


def record(page: str, domain_id: str) -> tuple[str, str]:
    found = [
        re.search(rf'<code id="{part}-{domain_id}"[^>]*>([^<]*)<', page)
        for part in ("name", "value")
    ]
    assert found[0]
    assert found[1]
    return found[0][1], found[1][1]


async def test_from_a_name_to_a_verified_domain(admin, rest, name_server):
    organization, visitor = admin
    empty = await visitor.get("domains")
    assert "No domains yet" in empty.text
    domain = f"{unique()}.com"
    page = await visitor.done("domains/add", {"domain": f" {domain.upper()} "})
    assert "Domain added" in page
    (domain_id,) = ids(page)
    name, value = record(page, domain_id)
    assert name.endswith(f".{domain}")
    assert {"Pending", "Next check:"} <= {
        said for said in ("Pending", "Next check:") if said in text(page)
    }
    page = await visitor.refused(f"domains/{domain_id}/verify")
    assert "Record not found yet" in page
    name_server.publish(name, value)
    page = await visitor.done(f"domains/{domain_id}/verify")
    assert "Domain verified" in page
    assert f"Users with an email address at {domain} are redirected" in text(page)
    assert "/verify" not in page
    seen = await rest.domains.get_domain(organization_id=organization["id"], id=domain_id)
    assert seen["domain"]["verification_status"] == "VERIFIED"
    page = await visitor.done(f"domains/{domain_id}/delete")
    assert ("Domain deleted" in page, ids(page)) == (True, [])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter a domain such as example.com"),
        ("not a domain", "Enter a domain such as example.com"),
        ("https://example.com", "Enter a domain such as example.com"),
        ("ada@example.com", "Enter a domain such as example.com"),
        ("<script>alert(1)</script>.com", "Enter a domain such as example.com"),
        ("gmail.com", "Public email domains"),
        ("co.uk", "Public email domains"),
        ("a" * 300 + ".com", "too long"),
    ],
)
async def test_a_name_that_is_no_domain_is_told_beside_the_field(admin, typed, said):
    _, visitor = admin
    page = await visitor.refused("domains/add", {"domain": typed})
    assert re.search(rf'<p class="error" id="domain-problem" role="alert">[^<]*{said}', page)
    assert "<script>alert" not in page
    if 0 < len(typed) <= 255 and "<" not in typed:
        assert f'value="{typed}"' in page
    assert ids(page) == []


async def test_a_domain_twice_is_told(admin):
    _, visitor = admin
    domain = f"{unique()}.com"
    await visitor.done("domains/add", {"domain": domain})
    page = await visitor.refused("domains/add", {"domain": domain})
    assert "already added to your organization" in page


async def test_a_form_without_its_field_is_told(admin):
    _, visitor = admin
    assert "Enter a domain" in await visitor.refused("domains/add")


async def test_what_is_not_theirs_is_not_there(admin, make, rest):
    _, visitor = admin
    other = await make.organization()
    domain = await rest.domains.create_domain(
        organization_id=other["id"], domain={"domain": f"{unique()}.com"}
    )
    for domain_id in (domain["domain"]["id"], "dom_1", "x", "dom_%00", "%2e%2e"):
        for action in ("verify", "delete"):
            answer = await visitor.post(f"domains/{domain_id}/{action}")
            assert answer.status_code in {400, 404}, (domain_id, answer.text)
    seen = await rest.domains.get_domain(organization_id=other["id"], id=domain["domain"]["id"])
    assert seen == domain


async def test_allowed_email_domains_are_another_subject(admin, rest):
    organization, visitor = admin
    domain = f"{unique()}.com"
    await rest.domains.create_domain(
        organization_id=organization["id"],
        domain={"domain": domain, "domain_type": "ALLOWED_EMAIL_DOMAIN"},
    )
    assert domain not in (await visitor.get("domains")).text


async def test_many_are_read_page_by_page(admin, rest):
    organization, visitor = admin
    for number in range(31):
        await rest.domains.create_domain(
            organization_id=organization["id"], domain={"domain": f"{number}{unique()}.com"}
        )
    first = await visitor.get("domains")
    second = await visitor.get("domains?page_token=1")
    assert (len(ids(first.text)), len(ids(second.text))) == (30, 1)
    assert 'rel="next"' in first.text
    assert 'rel="prev"' in second.text
    for odd in ("-1", "x", "9" * 30, "1.5"):
        assert (await visitor.get(f"domains?page_token={odd}")).status_code == 200
    assert (await visitor.get("domains?page_token=%00")).status_code == 400


async def test_who_may_only_read_gets_no_form(http, make, rest, database):
    made = await new_organization(make, rest)
    reader = await as_member(http, make, rest, database, made["id"], "sk_org_settings_read")
    page = await reader.get("domains")
    assert (page.status_code, "<form" in page.text) == (200, False)
    assert (await reader.post("domains/add", {"domain": "example.org"})).status_code == 403
