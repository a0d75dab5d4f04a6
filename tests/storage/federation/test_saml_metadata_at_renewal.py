"""Our metadata while one key pair takes the place of another."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from saml_provider import NAMESPACES

from tenantry.core.times import DAY
from tenantry.identity.connections import environment
from tenantry.identity.connections.certificates import key_pairs
from tenantry.identity.connections.model import SAML
from tenantry.identity.federation.saml import service_provider
from tenantry.identity.federation.saml.service_provider import ServiceProvider
from tenantry.settings import load

DAY_SECONDS = DAY // 1_000_000
MD = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", **NAMESPACES}


@pytest.fixture
async def connection(db):
    """Any connection, as one by SAML."""
    await environment.ensure(db)
    first = next(iter((await environment.of_environment(db)).values()))
    return replace(first, type=SAML, settings={})


async def certificates_of(provider, connection):
    """The certificates of our metadata by their use, and that of its signature."""
    root = etree.fromstring(service_provider.metadata(await provider.side(connection)))
    found = {
        use: [
            base64.b64decode(one.text)
            for one in root.iterfind(f".//md:KeyDescriptor[@use='{use}']//ds:X509Certificate", MD)
        ]
        for use in ("signing", "encryption")
    }
    return found["signing"], found["encryption"]


def der(pair):
    return pair.pair.certificate.public_bytes(Encoding.DER)


async def test_the_next_key_is_in_our_metadata_before_it_signs(
    db, call, connection, clock, monkeypatch
):
    monkeypatch.setattr(key_pairs, "FRESH_SECONDS", 0.0)
    clock.of(key_pairs)
    provider = ServiceProvider(db, load({"TENANTRY_CONFIG": "/dev/null"}))
    first = (await key_pairs.ensure(db)).current
    assert await certificates_of(provider, connection) == ([der(first)],) * 2
    following = await key_pairs.generate_next(call)
    assert await certificates_of(provider, connection) == ([der(first), der(following)],) * 2
    assert (await provider.side(connection)).signing is not following.pair
    clock.forward(30 * DAY_SECONDS + 1)
    assert await certificates_of(provider, connection) == ([der(following)],) * 2
    side = await provider.side(connection)
    assert len(side.trust.decryption_keys) == 2  # some encrypt for the former one still
