"""Registering a domain: for whom it counts as proven, and which names are taken."""

from __future__ import annotations

import asyncio

import pytest
from apis import moment, refused, unique
from sqlalchemy import bindparam, insert
from wires import ApiError

from tenantry.db.sql.statements import Statement
from tenantry.tenants.domains.model import domains

RPCS = ("connect", "grpc", "grpc-web")
# No name of a domain.
MALFORMED = (
    "acme",
    "acme.",
    ".acme.com",
    "acme..com",
    "-acme.com",
    "acme-.com",
    "ac me.com",
    " acme.com",
    "acme.com/path",
    "https://acme.com",
    "info@acme.com",
    "*.acme.com",
    "acme_corp.com",
    "_dmarc.acme.com",
    "192.168.1.1",
    "127.0.0.1.",
    "[::1]",
    "acme.123",
    "xn--zzzz.com",
    "a" * 64 + ".com",
    "☃.com",
    "ｇｍａｉｌ.com",
    "acme。com",
    "\u212aelvin.com",
    "acme.com\n",
    "acme\u0000.com",
    "../..",
)
# Of nobody alone.
COMMON = (
    "gmail.com",
    "GMAIL.com",
    "gmail.com.",
    "outlook.com",
    "yahoo.co.uk",
    "icloud.com",
    "mailinator.com",
    "inbox.mailinator.com",
    "yopmail.com",
    "co.uk",
    "com.au",
    "github.io",
    "duckdns.org",
    "公司.cn",
)
# A name as it is given, and as DNS spells it.
SPELLINGS = {
    "Example-{}.COM": "example-{}.com",
    "example-{}.com.": "example-{}.com",
    "{}.bücher.de": "{}.xn--bcher-kva.de",
    "{}.BÜCHER.de.": "{}.xn--bcher-kva.de",
    "{}.XN--BCHER-KVA.de": "{}.xn--bcher-kva.de",
    "{}.straße.de": "{}.xn--strae-oqa.de",
    "{}.аcme.com": "{}.xn--cme-5cd.com",  # its first letter is Cyrillic
    "a.b.c.example-{}.co.uk": "a.b.c.example-{}.co.uk",
    "example-{}.test": "example-{}.test",
}


async def create(api, organization_id, domain, domain_type=0):
    answer = await api.domains.create_domain(
        organization_id=organization_id, domain={"domain": domain, "domain_type": domain_type}
    )
    return answer["domain"]


@pytest.mark.everywhere
async def test_the_application_vouches_for_a_domain(api, make, events, server):
    organization, name = await make.organization(), f"{unique()}.com"
    await events.new()
    answer = await api.domains.create_domain(
        organization_id=organization["id"], domain={"domain": name}
    )
    domain = answer["domain"]
    assert domain["id"].startswith("dom_")
    assert domain["environment_id"].startswith("env_")
    assert moment(domain["create_time"]) == moment(domain["update_time"])
    rest = {k: v for k, v in domain.items() if k not in {"id", "environment_id"}}
    assert {k: v for k, v in rest.items() if not k.endswith("_time")} == {
        "domain": name,
        "organization_id": organization["id"],
        "domain_type": "ORGANIZATION_DOMAIN",
        "verification_status": "VERIFIED",
        "verification_method": "ADMIN",
        "txt_record_key": "",
        "txt_record_secret": "",
    }
    assert answer.etag == '"1"'
    (event,) = await events.new()
    assert event["type"] == "organization.domain_created"
    assert event["object"] == "Organization"
    assert event["organization_id"] == organization["id"]
    assert event["actor"] == {"type": "management_client", "id": server.client_id}
    assert event["request_id"] == answer.headers["x-request-id"]
    assert event["before"] is None
    after = event["after"]
    assert moment(after.pop("updated_at")) == moment(domain["update_time"])
    assert after == {
        name: domain[name]
        for name in (
            "id",
            "domain",
            "domain_type",
            "organization_id",
            "environment_id",
            "verification_status",
            "verification_method",
        )
    }


async def test_an_allowed_email_domain_needs_no_proof(api, make, customer):
    organization, name = await make.organization(), f"{unique()}.com"
    for one, caller in ((organization["id"], api), (customer.id, customer.api)):
        domain = await create(caller, one, name, domain_type="ALLOWED_EMAIL_DOMAIN")
        assert domain["domain_type"] == "ALLOWED_EMAIL_DOMAIN"
        assert domain["verification_status"] == "VERIFIED"
        assert domain["verification_method"] == "NOT_APPLICABLE"
        assert domain["txt_record_secret"] == ""


@pytest.mark.wires("rest")
async def test_names_are_kept_as_dns_spells_them(api, make, subtests):
    organization = await make.organization()
    for given, kept in SPELLINGS.items():
        with subtests.test(given):
            part = unique("x").partition("-")[2]
            domain = await create(api, organization["id"], given.format(part))
            assert domain["domain"] == kept.format(part)


async def test_what_is_no_domain_is_refused(api, make, subtests):
    organization = await make.organization()
    for name in MALFORMED:
        with subtests.test(name), refused("INVALID_ARGUMENT", "domain.domain"):
            await create(api, organization["id"], name)


async def test_what_belongs_to_nobody_alone_is_refused(api, make, subtests):
    organization = await make.organization()
    for name in COMMON:
        for kind in ("ORGANIZATION_DOMAIN", "ALLOWED_EMAIL_DOMAIN"):
            with (
                subtests.test(f"{name} {kind}"),
                refused("INVALID_ARGUMENT", "domain.domain", says="cannot be claimed"),
            ):
                await create(api, organization["id"], name, domain_type=kind)


async def test_lengths_at_the_limit(api, make):
    organization = await make.organization()
    part = unique()
    longest = f"{part}." + ".".join(["a" * 60] * 4)
    longest = longest[: 253 - len(".com")].rstrip(".") + ".com"
    assert len(longest) in range(250, 254)
    assert (await create(api, organization["id"], longest))["domain"] == longest
    for name in ("a.b", ".".join(["a" * 60] * 4) + ".abcdefghijk", "a." * 126 + "com"):
        with refused("INVALID_ARGUMENT", "domain.domain"):
            await create(api, organization["id"], name)


async def test_a_domain_is_needed(api, make):
    organization = await make.organization()
    with refused("INVALID_ARGUMENT"):
        await api.domains.create_domain(organization_id=organization["id"])
    with refused("INVALID_ARGUMENT", "domain.domain"):
        await api.domains.create_domain(organization_id=organization["id"], domain={})


async def test_both_types_stand_side_by_side(api, make):
    organization, name = await make.organization(), f"{unique()}.com"
    first = await create(api, organization["id"], name)
    second = await create(api, organization["id"], name, domain_type="ALLOWED_EMAIL_DOMAIN")
    third = await create(api, organization["id"], f"mail.{name}")
    listed = await api.domains.list_domains(organization_id=organization["id"])
    assert listed["domains"] == [third, second, first]


async def test_a_domain_is_registered_once(api, make):
    organization, other = await make.organization(), await make.organization()
    name = f"{unique()}.com"
    for kind in ("ORGANIZATION_DOMAIN", "ALLOWED_EMAIL_DOMAIN"):
        await create(api, organization["id"], name, domain_type=kind)
        with refused("INVALID_ARGUMENT", "domain", says="duplicate key not allowed: domain"):
            await create(api, organization["id"], name.upper() + ".", domain_type=kind)
    with refused("INVALID_ARGUMENT", "domain", says="duplicate key not allowed"):
        await create(api, other["id"], name)
    await create(api, other["id"], name, domain_type="ALLOWED_EMAIL_DOMAIN")


async def test_a_domain_is_free_when_it_or_its_organization_is_deleted(api, make):
    name = f"{unique()}.com"
    for _ in range(2):
        organization = await make.organization()
        domain = await create(api, organization["id"], name)
        await api.domains.delete_domain(organization_id=organization["id"], id=domain["id"])
        await create(api, organization["id"], name)
        await api.organizations.delete_organization(id=organization["id"])


async def test_of_two_at_once_one_gets_the_domain(api, make):
    organizations = [await make.organization() for _ in range(4)]
    name = f"{unique()}.com"
    answers = await asyncio.gather(
        *(create(api, organization["id"], name) for organization in organizations * 2),
        return_exceptions=True,
    )
    problems = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(problems) == 7
    assert all(isinstance(problem, ApiError) for problem in problems), problems
    assert {problem.error_code for problem in problems} == {"INVALID_ARGUMENT"}


@pytest.mark.wires(*RPCS)
async def test_by_external_id(api, make):
    organization = await make.organization(external_id=unique())
    answer = await api.domains.create_domain(
        external_id=organization["external_id"], domain={"domain": f"{unique()}.com"}
    )
    assert answer["domain"]["organization_id"] == organization["id"]


@pytest.mark.wires(*RPCS)
async def test_an_organization_is_needed(api):
    with refused("INVALID_ARGUMENT", "organization_id"):
        await api.domains.create_domain(domain={"domain": f"{unique()}.com"})


_FILL = Statement(
    insert(domains)
    .values({name: bindparam(f"p_{name}") for name in domains.c.keys()})  # noqa: SIM118
    .returning(domains.c.id)
)


@pytest.mark.wires("rest")
async def test_an_organization_has_1000_domains_at_most(api, make, database):
    organization = await make.organization()
    async with database.transaction() as db:
        for number in range(999):
            row = dict.fromkeys(domains.c.keys(), "") | {
                "id": db.new_id("dom_"),
                "organization_id": organization["id"],
                "domain": f"{number}.example",
                "domain_type": "ALLOWED_EMAIL_DOMAIN",
                "verification_status": "VERIFIED",
                "verification_method": "NOT_APPLICABLE",
                "check_time": None,
                "expire_time": None,
                "revision": 1,
                "create_time": 1,
                "update_time": 1,
            }
            await db.fetch_one(_FILL, **{f"p_{name}": value for name, value in row.items()})
    await create(api, organization["id"], f"{unique()}.com")
    with refused("INVALID_ARGUMENT", says="limit of 1000 domains"):
        await create(api, organization["id"], f"{unique()}.com")
    last = await api.domains.list_domains(
        organization_id=organization["id"], page_size=100, page_number=9
    )
    assert [domain["domain"] for domain in last["domains"]][-1] == "0.example"
