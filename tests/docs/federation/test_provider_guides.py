"""The guides: what they have an admin send is what we read, and what they name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from repository import ROOT

from tenantry.gen.scalekit.v1.commons.commons_pb import IdentityProviderType
from tenantry.identity.connections import addresses
from tenantry.identity.connections.guides import guides
from tenantry.identity.connections.oidc import profile as oidc_profile
from tenantry.identity.connections.saml import attributes
from tenantry.identity.connections.saml.response import Assertion
from tenantry.identity.connections.saml.trust import NameID
from tenantry.identity.connections.settings import OIDCSettings, SAMLSettings

GUIDES = {one.id: one for one in guides.guides()}
KEYS = ["email", "given_name", "family_name"]


def test_each_provider_of_the_portal_s_tiles_has_one():
    assert [one.name for one in guides.guides()][:6] == [
        *("Okta", "Microsoft Entra ID", "Google Workspace"),
        *("OneLogin", "Ping Identity", "JumpCloud"),
    ]
    folder = Path(guides.__file__).parent / "provider_guides"
    assert {path.stem for path in folder.iterdir()} == GUIDES.keys()
    names = {one.name for one in IdentityProviderType}
    assert {one.provider for one in guides.guides()} <= names


@pytest.mark.parametrize("id_", GUIDES)
def test_a_guide_gives_both_sides_all_that_they_need(id_):
    guide = GUIDES[id_]
    assert guide.saml or guide.oidc
    for steps, settings, ours, theirs in (
        (guide.saml, SAMLSettings, "sp_", [{"idp_metadata_url"}, _BY_HAND]),
        (guide.oidc, OIDCSettings, "", [{"issuer", "client_id", "client_secret"}]),
    ):
        if not steps:
            continue
        given = {one.value for step in steps for one in step.ours}
        taken = {one.value for step in steps for one in step.theirs}
        assert any(enough <= taken for enough in theirs)
        assert given & ({"sp_metadata_url", "sp_assertion_url"} if ours else {"redirect_uri"})
        known = {one.name for one in fields(settings)} | {"idp_certificate", "client_secret"}
        assert taken <= guides.THEIRS.keys() & known
        assert given <= guides.OURS.keys()
        for step in steps:
            assert step.text.lstrip("*")[0].isupper()
            assert len(step.text) < 400


_BY_HAND = {"idp_entity_id", "idp_sso_url", "idp_certificate"}


@pytest.mark.parametrize("id_", [one.id for one in guides.guides() if one.saml])
def test_the_attributes_of_a_guide_are_read_without_a_mapping(id_):
    sent = [one for step in GUIDES[id_].saml for one in step.attributes]
    assert [one.key for one in sent] == KEYS
    assertion = Assertion(
        id="_1",
        name_id=NameID("x"),
        attributes={one.name: (one.key,) for one in sent},
        friendly_names={},
        session_index=None,
        session_not_on_or_after=None,
        authn_instant=None,
        not_on_or_after=0,
    )
    assert attributes.profile(assertion, {}) == {key: (key,) for key in KEYS}


@pytest.mark.parametrize("id_", [one.id for one in guides.guides() if one.oidc])
def test_the_claims_of_a_guide_are_read_without_a_mapping(id_):
    sent = [one for step in GUIDES[id_].oidc for one in step.attributes]
    assert [one.key for one in sent] == KEYS
    claims = {one.name: one.key for one in sent}
    assert oidc_profile.values(claims, {}) == {key: (key,) for key in KEYS}


def test_the_addresses_of_the_pages_are_those_of_connections():
    sys.path.insert(0, str(ROOT / "scripts"))
    import provider_guides

    class Some:
        type = "SAML"
        id = "CONNECTION"

    url, written = "https://auth.example.com", provider_guides._ADDRESSES
    assert written["sp_assertion_url"] == addresses.callback(url, Some)
    assert written["sp_entity_id"] == addresses.base(url, Some)
    assert written["sp_metadata_url"] == addresses.metadata(url, Some)
    Some.type = "OIDC"
    assert written["redirect_uri"] == addresses.callback(url, Some)
    assert written["post_logout_redirect_uri"] == addresses.logout_callback(url, Some)
    assert written["backchannel_logout_redirect_uri"] == addresses.backchannel_logout(url, Some)
    assert written.keys() == guides.OURS.keys()


def test_the_pages_of_the_docs_are_current_and_their_links_lead_somewhere():
    script = ROOT / "scripts" / "provider_guides.py"
    subprocess.run([sys.executable, script, "--check"], check=True)
    folder = ROOT / "docs" / "providers"
    for page in folder.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (folder / target).is_file(), (page.name, target)
