"""Discovery documents and metadata are read when a connection is changed."""

from __future__ import annotations

import pytest
from apis import refused
from idp_metadata_pages import MetadataPage, certificate, pem
from openid_providers import OpenIDProvider

CLIENT = {"client_id": "us", "client_secret": "a-secret-of-some-length"}


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


@pytest.fixture
async def page():
    async with MetadataPage() as started:
        yield started


def discover(connections, made, issuer, **more: object):
    return connections.update(
        made, debug_enabled=True, oidc_config={"issuer": issuer, **CLIENT, **more}
    )


async def test_endpoints_come_from_discovery(reaching, provider):
    made = await reaching.make("OKTA")
    after = await discover(reaching, made, provider.issuer)
    oidc = after["oidc_config"]
    assert after["status"] == "COMPLETED"
    assert oidc["issuer"] == provider.issuer
    assert oidc["authorize_uri"] == f"{provider.issuer}/authorize"
    assert oidc["token_uri"] == f"{provider.issuer}/token"
    assert oidc["jwks_uri"].startswith(provider.issuer)


async def test_the_address_of_the_document_will_do_for_an_issuer(reaching, provider):
    made = await reaching.make("OKTA")
    address = f"{provider.issuer}/.well-known/openid-configuration"
    oidc = (await discover(reaching, made, address))["oidc_config"]
    assert (oidc["issuer"], oidc["discovery_endpoint"]) == (provider.issuer, address)


@pytest.mark.parametrize("field", ["issuer", "discovery_endpoint"])
@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/.well-known/openid-configuration"),
        "/.well-known/openid-configuration?appid=6731de76",
    ],
)
async def test_issuer_and_document_may_stand_in_either_field(reaching, provider, field, path):
    made = await reaching.make("OKTA")
    after = await reaching.update(
        made, debug_enabled=True, oidc_config={field: provider.issuer + path, **CLIENT}
    )
    assert after["status"] == "COMPLETED"
    assert after["oidc_config"]["issuer"] == provider.issuer
    (asked,) = provider.got
    assert asked.path == "/.well-known/openid-configuration"
    assert ("appid" in asked.query) == ("appid" in path)


async def test_a_document_may_lie_anywhere(reaching, provider):
    made = await reaching.make("OKTA")
    provider.answers["/config"] = provider._discovery(None)
    given = {"discovery_endpoint": f"{provider.issuer}/config", **CLIENT}
    after = await reaching.update(made, debug_enabled=True, oidc_config=given)
    assert after["status"] == "COMPLETED"
    assert after["oidc_config"]["discovery_endpoint"] == given["discovery_endpoint"]
    given["discovery_endpoint"] = provider.issuer
    after = await reaching.update(made, oidc_config=given)
    place = f"{provider.issuer}/.well-known/openid-configuration"
    assert after["oidc_config"]["discovery_endpoint"] == place


async def test_a_corrected_address_is_asked_at_once(reaching, provider):
    made = await reaching.make("OKTA")
    after = await discover(reaching, made, f"{provider.issuer}/wrong")
    assert after["status"] == "IN_PROGRESS"
    await discover(reaching, made, f"{provider.issuer}/wrong")
    assert len(provider.got) == 1  # that address is not asked again for seconds
    after = await discover(reaching, made, provider.issuer)
    assert after["status"] == "COMPLETED"


async def test_a_provider_that_does_not_answer_loses_nothing_that_was_given(reaching, provider):
    made = await reaching.make("OKTA")
    provider.answers["/.well-known/openid-configuration"] = 503
    after = await discover(reaching, made, provider.issuer)
    assert after["status"] == "IN_PROGRESS"
    assert after["oidc_config"]["issuer"] == provider.issuer
    assert after["oidc_config"]["client_id"] == "us"
    assert "token_uri" not in after["oidc_config"]
    with refused(
        "INVALID_ARGUMENT",
        *(f"connection.oidc_config.{name}" for name in ("authorize_uri", "jwks_uri", "token_uri")),
        says="503",
    ):
        await reaching.enable(made)


async def test_a_change_that_does_not_name_the_issuer_asks_nobody(reaching, provider):
    made = await reaching.make("OKTA")
    await discover(reaching, made, provider.issuer)
    asked = len(provider.got)
    await reaching.update(made, ui_button_title="Acme", oidc_config={"client_id": "others"})
    await reaching.update(made, oidc_config={"issuer": provider.issuer})
    assert len(provider.got) == asked == 1


async def test_another_issuer_takes_the_endpoints_of_the_former_along(reaching, provider):
    made = await reaching.make("OKTA")
    await discover(reaching, made, provider.issuer)
    async with OpenIDProvider() as other:
        other.answers["/.well-known/openid-configuration"] = {"issuer": "https://evil.example"}
        after = await discover(reaching, made, other.issuer)
    assert after["status"] == "IN_PROGRESS"
    assert "token_uri" not in after["oidc_config"]


async def test_one_that_serves_is_not_changed_to_a_provider_that_does_not_answer(
    reaching, provider
):
    made = await reaching.make("OKTA")
    await discover(reaching, made, provider.issuer)
    await reaching.enable(made)
    with refused("INVALID_ARGUMENT"):
        await discover(reaching, made, "http://127.0.0.1:1")
    assert (await reaching.get(made))["oidc_config"]["issuer"] == provider.issuer


async def test_without_tls_nobody_is_asked_but_where_the_connection_says_so(reaching, provider):
    made = await reaching.make("OKTA")
    with refused("INVALID_ARGUMENT", "connection.oidc_config.issuer"):
        await reaching.update(made, oidc_config={"issuer": provider.issuer})
    assert provider.got == []


async def test_no_private_address_is_asked(connections):
    made = await connections.make("OKTA")
    after = await discover(connections, made, "https://127.0.0.1:8443")
    assert after["status"] == "IN_PROGRESS"
    with refused("INVALID_ARGUMENT", says="public"):
        await connections.enable(made)


async def test_all_of_a_saml_provider_comes_from_its_metadata(reaching, page):
    page.certificates = [certificate("idp"), certificate("next")]
    made = await reaching.make("OKTA", "SAML")
    after = await reaching.update(
        made, debug_enabled=True, saml_config={"idp_metadata_url": page.url}
    )
    saml = after["saml_config"]
    assert after["status"] == "COMPLETED"
    assert saml["idp_entity_id"] == page.entity_id
    assert saml["idp_sso_url"] == page.sso_url
    assert saml["idp_sso_request_binding"] == "HTTP_POST"
    assert saml["idp_slo_url"] == "https://idp.example.com/slo"
    issuers = [one["issuer"] for one in saml["idp_certificates"]]
    assert issuers == ["CN=idp", "CN=next"]
    assert all(one["id"].startswith("cer_") for one in saml["idp_certificates"])


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"status": 404}, "404"),
        ({"body": b"<html></html>"}, "identity provider"),
        ({"body": b"x" * (257 << 10)}, "256 KB"),
    ],
)
async def test_metadata_that_cannot_be_taken_is_said_and_loses_nothing(
    reaching, page, broken, says
):
    for name, value in broken.items():
        setattr(page, name, value)
    made = await reaching.make("OKTA", "SAML")
    after = await reaching.update(
        made, debug_enabled=True, saml_config={"idp_metadata_url": page.url}
    )
    assert after["status"] == "IN_PROGRESS"
    assert after["saml_config"]["idp_metadata_url"] == page.url
    with refused("INVALID_ARGUMENT", says=says):
        await reaching.enable(made)


async def test_certificates_are_pasted_in_any_form_and_several_at_once(connections):
    made = await connections.make("OKTA", "SAML")
    given = {"idp_entity_id": "idp", "idp_sso_url": "https://idp.example.com/sso"}
    after = await connections.update(
        made, saml_config={**given, "idp_certificate": certificate("idp")}
    )
    assert after["status"] == "COMPLETED"
    (first,) = after["saml_config"]["idp_certificates"]
    both = pem(certificate("idp")) + pem(certificate("next"))
    after = await connections.update(made, saml_config={"idp_certificate": both})
    kept, new = after["saml_config"]["idp_certificates"]
    assert kept == first
    assert new["issuer"] == "CN=next"
    assert pem(certificate("next")).replace("\n", "") == new["certificate"].replace("\n", "")
    after = await connections.update(made, saml_config={"idp_certificate": ""})
    assert after["status"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("form", "names"),
    [
        (lambda idp, _next: pem(idp).replace("\n", "\r\n"), ["CN=idp"]),
        (lambda idp, _next: idp + "\r\n", ["CN=idp"]),
        (
            lambda idp, next_: f"subject=CN=idp\r\n{pem(idp)}\r\n\r\n# chain\r\n{pem(next_)}",
            ["CN=idp", "CN=next"],
        ),
        (lambda idp, next_: f"{idp}\n\n{next_}\n", ["CN=idp", "CN=next"]),
        (lambda idp, _next: f"\ufeff{pem(idp)}", ["CN=idp"]),
        (lambda idp, _next: f"<ds:X509Certificate>{idp}</ds:X509Certificate>", ["CN=idp"]),
    ],
)
async def test_certificates_are_taken_as_people_have_them(connections, form, names):
    made = await connections.make("OKTA", "SAML")
    pasted = form(certificate("idp"), certificate("next"))
    after = await connections.update(made, saml_config={"idp_certificate": pasted})
    assert [one["issuer"] for one in after["saml_config"]["idp_certificates"]] == names


@pytest.mark.parametrize(
    "pasted",
    [
        "no certificate",
        "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMC4=\n-----END CERTIFICATE-----",
        f"{pem(certificate('idp'))}-----BEGIN CERTIFICATE-----\nMII",  # cut short
        f"{pem(certificate('idp'))}-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----",
        f"{pem(certificate('idp'))}-----BEGIN CRL-----\nMC4=\n-----END CRL-----",
        pem(certificate("idp")) * 9,
        "x" * 200_000,
    ],
)
async def test_what_is_no_certificate_is_refused(connections, pasted):
    made = await connections.make("OKTA", "SAML")
    with refused("INVALID_ARGUMENT", "connection.saml_config.idp_certificate"):
        await connections.update(made, saml_config={"idp_certificate": pasted})


async def test_addresses_of_another_vendor_stand_for_ours(connections, server):
    made = await connections.make("OKTA", "SAML")
    theirs = {
        "sp_entity_id": "urn:amazon:cognito:sp:eu_1",
        "sp_assertion_url": "https://old.example.com/acs",
        "sp_slo_url": "https://old.example.com/slo",
    }
    after = await connections.update(made, saml_config=theirs)
    assert {name: after["saml_config"][name] for name in theirs} == theirs
    base = f"{server.url}/sso/v1/saml/{made['id']}"
    assert after["saml_config"]["sp_metadata_url"] == f"{base}/metadata"
    after = await connections.update(made, saml_config={"sp_entity_id": base})
    assert after["saml_config"]["sp_entity_id"] == base
