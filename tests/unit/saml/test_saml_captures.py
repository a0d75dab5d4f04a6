"""Responses and metadata of real providers: a folder of tests/vectors/saml is a case.

`metadata.xml` and `response.xml` are as the provider sent them, `params.json` says for whom.
"""

from __future__ import annotations

import json

import pytest
from repository import ROOT
from saml_attacks import ATTACKS, forge
from saml_provider import SKEW, form

from tenantry.identity.connections.saml import attributes, response
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.metadata import idp_metadata
from tenantry.identity.connections.saml.names import Binding
from tenantry.identity.connections.saml.trust import Trust

FOLDER = ROOT / "tests" / "support" / "vectors" / "saml"
CASES = sorted(folder.name for folder in FOLDER.iterdir())


def case(name):
    folder = FOLDER / name
    return (
        idp_metadata.read((folder / "metadata.xml").read_bytes()),
        (folder / "response.xml").read_bytes(),
        json.loads((folder / "params.json").read_text(encoding="utf-8")),
    )


def verify(xml, provider, params):
    trust = Trust(
        idp_entity_id=provider.entity_id,
        idp_certificates=provider.certificates,
        sp_entity_id=params["sp_entity_id"],
        acs_urls=(params["acs_url"],),
    )
    return response.verify(
        response.parse(form(xml)),
        trust,
        in_response_to=params["in_response_to"],
        now=params["now"],
        skew=SKEW,
    )


@pytest.mark.parametrize("name", CASES)
def test_a_capture_is_read_with_its_provider_s_metadata(name):
    provider, xml, params = case(name)
    assertion = verify(xml, provider, params)
    assert assertion.name_id.value == params["name_id"]
    sent = {key: tuple(values) for key, values in params["attributes"].items()}
    assert assertion.attributes == sent
    profile = {key: list(values) for key, values in attributes.profile(assertion, {}).items()}
    assert profile == params["profile"]
    assert provider.sso_urls[Binding.HTTP_REDIRECT] == params["sso_url"]


@pytest.mark.parametrize("name", CASES)
def test_no_attack_on_a_capture_is_taken(name):
    provider, xml, params = case(name)
    forged = [(attack, forge(attack, xml)) for attack in ATTACKS if attack != "100 MB"]
    made = [(attack, bent) for attack, bent in forged if bent is not None]
    assert len(made) > 60
    for attack, bent in made:
        with pytest.raises(SAMLError):
            pytest.fail(f"{attack}: {verify(bent, provider, params)}")
