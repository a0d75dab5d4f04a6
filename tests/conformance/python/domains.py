"""Drive DomainService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

from scalekit import ScalekitClient
from scalekit.v1.domains.domains_pb2 import DomainType, VerificationMethod, VerificationStatus
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    UNKNOWN,
    URL,
    expect_bad_request,
    expect_duplicate,
    expect_not_found,
    step,
)

NOWHERE = f"org_{UNKNOWN}"

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
domains = client.domain


def create_organization(name):
    request = CreateOrganization(display_name=f"{name} {RUN}")
    return client.organization.create_organization(request)[0].organization.id


def create(organization_id, name, domain_type=None):
    return domains.create_domain(organization_id, name, domain_type)[0].domain


def get(organization_id, domain_id):
    return domains.get_domain(organization_id, domain_id)[0].domain


def listed(organization_id, domain_type=None):
    return list(domains.list_domains(organization_id, domain_type)[0].domains)


acme = create_organization("Acme")
globex = create_organization("Globex")

with step("empty_list"):
    assert listed(acme) == []

with step("create") as seen:
    domain = create(acme, f"acme-{RUN}.com")
    assert domain.id.startswith("dom_")
    assert domain.domain == f"acme-{RUN}.com"
    assert domain.organization_id == acme
    assert domain.environment_id.startswith("env_")
    assert domain.domain_type == DomainType.ORGANIZATION_DOMAIN
    assert domain.verification_status == VerificationStatus.VERIFIED
    assert domain.verification_method == VerificationMethod.ADMIN
    assert domain.create_time.seconds > 0
    assert domain.update_time.seconds > 0
    seen["id"] = domain.id

with step("create_typed"):
    owned, allowed = DomainType.ORGANIZATION_DOMAIN, DomainType.ALLOWED_EMAIL_DOMAIN
    typed = [
        create(acme, f"owned.acme-{RUN}.com", owned),
        create(acme, f"allowed-{RUN}.com", allowed),
        create(acme, f"owned-{RUN}.test", "ORGANIZATION_DOMAIN"),
        create(acme, f"allowed.allowed-{RUN}.com", "ALLOWED_EMAIL_DOMAIN"),
    ]
    assert [each.domain_type for each in typed] == [owned, allowed] * 2
    assert typed[1].verification_method == VerificationMethod.NOT_APPLICABLE

with step("get"):
    assert get(acme, domain.id) == domain

with step("list"):
    assert listed(acme) == [*reversed(typed), domain]
    assert listed(globex) == []

with step("list_by_type"):
    assert listed(acme, owned) == [typed[2], typed[0], domain]
    assert listed(acme, "ALLOWED_EMAIL_DOMAIN") == [typed[3], typed[1]]

with step("refused"):
    for name in ("acme", "gmail.com", "mailinator.com", f"under_score-{RUN}.com"):
        expect_bad_request(create, acme, name)
    expect_bad_request(create, acme, "outlook.com", allowed)

with step("duplicate") as seen:
    error = expect_duplicate("domain", create, acme, domain.domain)
    expect_duplicate("domain", create, globex, domain.domain)
    expect_duplicate("domain", create, acme, domain.domain.upper())
    seen["message"] = error.message

with step("not_found") as seen:
    error = expect_not_found(get, acme, f"dom_{UNKNOWN}")
    expect_not_found(get, globex, domain.id)
    expect_not_found(domains.delete_domain, globex, domain.id)
    expect_not_found(domains.delete_domain, acme, f"dom_{UNKNOWN}")
    expect_not_found(create, NOWHERE, f"nowhere-{RUN}.com")
    expect_not_found(listed, "no-organization-id")
    expect_not_found(get, NOWHERE, domain.id)
    seen["message"] = error.message

with step("delete"):
    domains.delete_domain(acme, domain.id)
    expect_not_found(get, acme, domain.id)
    expect_not_found(domains.delete_domain, acme, domain.id)
    assert domain not in listed(acme)

with step("domain_is_free_again"):
    assert create(globex, domain.domain).id != domain.id
    client.organization.delete_organization(globex)
    create(acme, domain.domain)
    client.organization.delete_organization(acme)
