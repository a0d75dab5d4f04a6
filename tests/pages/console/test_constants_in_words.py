"""The console translates the constants of the API."""

from __future__ import annotations

import pytest
from apis import unique
from operators_at_work import OPERATOR, enter, texts

from tenantry.endpoints.console.access import applications
from tenantry.endpoints.console.email import messages
from tenantry.endpoints.console.integrations import interceptors
from tenantry.endpoints.console.logs import sign_ins
from tenantry.events.interceptors.model import TRIGGERS
from tenantry.gen.scalekit.v1.connections import connections_pb
from tenantry.gen.scalekit.v1.directories import directories_pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.model import FAILED as STATUS_FAILED
from tenantry.identity.sign_in.model import INITIATED, INTENTS, PENDING, SUCCESS
from tenantry.tenants.organizations.model import FEATURES
from tenantry.web import words

ENUMERATIONS = (
    connections_pb.ConnectionStatus,
    connections_pb.TestResultStatus,
    directories_pb.DirectoryStatus,
    domains_pb.VerificationStatus,
    domains_pb.DomainType,
)


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_constant_that_is_shown_has_words(language):
    said = words.of("console", language)
    shown = {
        *(one.name for enumeration in ENUMERATIONS for one in enumeration),
        *(*applications.TYPES, *interceptors.POLICIES, *TRIGGERS, *FEATURES),
        *(*messages.STATES, *sign_ins.STATUSES),
    }
    shown = {name for name in shown if name and "UNSPECIFIED" not in name}
    assert len(shown) > 25
    assert {name for name in shown if not said.has(f"constants.{name.lower()}")} == set()


@pytest.mark.parametrize("language", ["en", "de"])
def test_all_that_a_sign_in_says_has_words(language):
    said = words.of("console", language)
    steps = {value for name, value in vars(states).items() if name.isupper() and type(value) is str}
    steps -= {STATUS_FAILED, INITIATED, PENDING, SUCCESS}
    assert len(steps) > 15
    assert {step for step in steps if not said.has(f"states.{step.lower()}")} == set()
    proofs = {method for method in sign_ins.METHODS if method}
    assert {proof for proof in proofs if not said.has(f"proofs.{proof.lower()}")} == set()
    assert {intent for intent in INTENTS if not said.has(f"intents.{intent}")} == set()


async def test_words_stand_before_the_constant(http, database, make, api):
    browser = await enter(http, database, OPERATOR)
    organization = await make.organization()
    await api.domains.create_domain(
        organization_id=organization["id"],
        domain={"domain": f"{unique()}.example", "domain_type": "ORGANIZATION_DOMAIN"},
    )
    path = f"/console/organizations/{organization['id']}"
    for language, says in (("en", "Owned by the organization"), ("de", "Gehört der Organisation")):
        headers = {"accept-language": language}
        page = texts(await browser.get(f"{path}/domains", **headers))
        assert f"{says} ORGANIZATION_DOMAIN" in page
        assert "PENDING" not in page
        assert "dir_sync" in await browser.get(path, **headers)
