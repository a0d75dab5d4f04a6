"""A metadata file configures a connection exactly as the same document at a URL does."""

from __future__ import annotations

import pytest
from idp_metadata_pages import MetadataPage, certificate
from repository import ROOT

from tenantry.core import errors
from tenantry.core.times import DAY, now
from tenantry.identity.connections import service as registry
from tenantry.identity.connections.changes import changing, check_schedule
from tenantry.identity.connections.providers.fetching import ConnectionContext, Fetching
from tenantry.net.outgoing import Outgoing
from tenantry.tenants.organizations import service as organizations

VECTORS = ROOT / "tests" / "support" / "vectors"
DOCUMENTS = {
    **{path.stem: path for path in sorted((VECTORS / "idp_metadata").glob("*.xml"))},
    "nanoidp": VECTORS / "saml" / "nanoidp" / "metadata.xml",
}
# Providers that refuse requests without a signature.
SIGNED = {"keycloak", "ping-identity"}


@pytest.fixture
async def ground():
    fetching, outgoing = Fetching(("127.0.0.0/8",)), Outgoing(("127.0.0.0/8",))
    yield ConnectionContext("https://auth.example.com", True, fetching, outgoing)
    await fetching.close()
    await outgoing.close()


@pytest.fixture
async def make(call, ground):
    """Makes SAML connections of one organization; http:// is allowed only with `debug_enabled`."""
    organization = await organizations.create(call, region_code="EU", display_name="Acme")

    async def made(*, debug_enabled=True, type_="SAML"):
        new = await registry.create(
            call, organization.id, type_=type_, provider="OKTA", provider_key=""
        )
        changes = changing.Changes(provider="OKTA", debug_enabled=debug_enabled)
        return await changing.change(call, ground, organization.id, new.id, changes)

    return made


async def by_url(call, ground, connection, page):
    changes = changing.Changes(
        provider="OKTA", config="saml_config", settings={"idp_metadata_url": page.url}
    )
    where = (connection.organization_id, connection.id)
    call.found = await changing.ask(call, ground, *where, changes)
    return await changing.change(call, ground, *where, changes)


def content(connection):
    """Everything that a connection took from metadata: certificates without their ids and times."""
    settings = dict(connection.settings)
    settings.pop("idp_metadata_url", None)
    settings["idp_certificates"] = [
        {name: one[name] for name in one.keys() - {"id", "create_time"}}
        for one in settings["idp_certificates"]
    ]
    return settings, connection.status


@pytest.mark.parametrize("provider", DOCUMENTS)
async def test_a_file_and_a_url_set_the_same_fields(call, ground, make, provider):
    document = DOCUMENTS[provider].read_bytes()
    async with MetadataPage() as page:
        page.body = document
        fetched = await by_url(call, ground, await make(), page)
    uploaded = await changing.import_metadata(
        call, ground, (await make()).id, document.decode("utf-8-sig")
    )
    assert content(uploaded) == content(fetched)
    assert uploaded.status == "COMPLETED"
    assert uploaded.settings.get("want_request_signed", False) is (provider in SIGNED)
    assert uploaded.settings.get("metadata_wants_signed", False) is (provider in SIGNED)


async def test_a_file_replaces_the_url_which_would_undo_it(call, ground, make):
    async with MetadataPage() as page:
        connection = await by_url(call, ground, await make(), page)
        page.certificates = [certificate("next")]
        after = await changing.import_metadata(call, ground, connection.id, page.xml.decode())
    assert "idp_metadata_url" not in after.settings
    assert [one["issuer"] for one in after.settings["idp_certificates"]] == ["CN=next"]


async def test_an_uploaded_file_that_has_expired_is_not_looked_at_each_hour(call, ground, make):
    page = MetadataPage()
    page.valid_until = "2020-01-01T00:00:00Z"
    after = await changing.import_metadata(call, ground, (await make()).id, page.xml.decode())
    assert after.serves is False
    assert check_schedule.next_check(now(), after) - now() > DAY // 2


@pytest.mark.parametrize("way", ["file", "url", "read"])
@pytest.mark.parametrize("service", ["SingleSignOnService", "SingleLogoutService"])
async def test_an_address_without_tls_is_named(call, ground, make, way, service):
    """Browsers are sent to it: it is refused however the metadata was obtained."""
    from tenantry.identity.connections.providers import descriptions
    from tenantry.identity.connections.providers.metadata import members
    from tenantry.identity.connections.saml.faults import SAMLError
    from tenantry.identity.connections.saml.metadata import idp_metadata

    path = {"SingleSignOnService": "sso", "SingleLogoutService": "slo"}[service]
    page = MetadataPage()
    xml = page.xml.decode().replace(
        f"https://idp.example.com/{path}", f"http://idp.example.com/{path}"
    )
    says = f"{service} URL in the metadata does not use HTTPS: http://idp.example.com"
    if way == "url":
        with pytest.raises(SAMLError, match=says):
            members(idp_metadata.read(xml.encode()))
        return
    production = ConnectionContext("https://a.example", False, ground.fetching, ground.outgoing)
    if way == "file":
        connection = await make(debug_enabled=False)
        refusing = changing.import_metadata(call, ground, connection.id, xml)
    else:
        refusing = descriptions.metadata_of(production, "", xml)
    with pytest.raises(errors.InvalidArgument) as refused:
        await refusing
    (violation,) = refused.value.violations
    assert violation.field == "metadata"
    assert says in violation.description


async def test_a_connection_of_another_type_takes_no_metadata(call, ground, make):
    connection = await make(type_="OIDC")
    with pytest.raises(errors.InvalidArgument, match="must be a SAML connection"):
        await changing.import_metadata(call, ground, connection.id, MetadataPage().xml.decode())
