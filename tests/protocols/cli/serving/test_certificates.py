"""The private CA, the server's certificate, and what renews them."""

from __future__ import annotations

import json
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from tenantry.server import certificates
from tenantry.server.certificates.authority import SERVER_DAYS, Authority
from tenantry.settings import SettingError, load


@pytest.fixture
def settings(tmp_path):
    def make(**named: object):
        given = {f"TENANTRY_{name.upper()}": str(value) for name, value in named.items()}
        return load({"TENANTRY_DATA_DIR": str(tmp_path / "data")} | given)

    return make


def contents(found):
    folder = found.ca.parent
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in {".pem", ".json"}}


def leaf(found):
    return x509.load_pem_x509_certificates(found.chain.read_bytes())[0]


def handshake(found, host):
    """Do a TLS handshake in memory, as strictly as newer Pythons verify."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(found.chain, found.key)
    trusting = ssl.create_default_context(cafile=found.ca)
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=host)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.version()


def test_the_first_start_makes_all_and_the_next_changes_nothing(settings):
    found = certificates.ensure(settings())
    before = contents(found)
    assert before.keys() == {
        *("ca.pem", "ca-key.pem", "server.pem", "server-key.pem", "server.json", "bundle.pem"),
    }
    certificates.ensure(settings())
    assert contents(found) == before


def test_keys_are_for_their_owner_alone(settings):
    found = certificates.ensure(settings())
    folder = found.ca.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    for name in ("ca-key.pem", "server-key.pem"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("host", ["tenants.example.com", "localhost", "127.0.0.1", "::1"])
def test_clients_trust_it_by_our_root(settings, host):
    found = certificates.ensure(settings(public_url="https://tenants.example.com"))
    assert handshake(found, host) == "TLSv1.3"


def test_a_name_outside_of_ascii_is_served(settings):
    found = certificates.ensure(settings(public_url="https://bücher.example"))
    assert handshake(found, "xn--bcher-kva.example") == "TLSv1.3"


def test_another_public_url_gets_a_new_certificate_of_the_same_root(settings):
    first = contents(certificates.ensure(settings()))
    found = certificates.ensure(settings(public_url="https://other.example.com"))
    second = contents(found)
    assert second["ca.pem"] == first["ca.pem"]
    assert second["server.pem"] != first["server.pem"]
    assert handshake(found, "other.example.com")


def test_it_is_renewed_thirty_days_before_its_end(settings):
    found = certificates.ensure(settings())
    before = contents(found)
    issued = json.loads(before["server.json"])
    ends = leaf(found).not_valid_after_utc
    assert ends - datetime.fromtimestamp(issued["renew_at"], UTC) == timedelta(days=30)

    issued["renew_at"] = int(time.time()) - 1
    (found.ca.parent / "server.json").write_text(json.dumps(issued))
    certificates.ensure(settings())
    after = contents(found)
    assert after["ca.pem"] == before["ca.pem"]
    assert after["server.pem"] != before["server.pem"]
    assert after["server-key.pem"] != before["server-key.pem"]
    assert handshake(found, "localhost")


def test_a_root_that_ends_before_what_it_signs_is_replaced(settings, monkeypatch):
    monkeypatch.setattr("tenantry.server.certificates.authority.CA_DAYS", SERVER_DAYS - 1)
    found = certificates.ensure(settings())
    before = contents(found)
    monkeypatch.undo()
    assert Authority.load(found.ca.parent) is None
    (found.ca.parent / "server.json").unlink()
    certificates.ensure(settings())
    assert contents(found)["ca.pem"] != before["ca.pem"]
    assert handshake(found, "localhost")


@pytest.mark.parametrize("name", ["ca-key.pem", "server.pem", "server-key.pem", "server.json"])
def test_a_lost_file_is_made_again(settings, name):
    found = certificates.ensure(settings())
    (found.ca.parent / name).unlink()
    certificates.ensure(settings())
    assert handshake(found, "localhost")


def test_the_bundle_has_the_roots_of_the_system_and_ours(settings, monkeypatch, tmp_path):
    roots = tmp_path / "roots.pem"
    roots.write_bytes(certificates.ensure(settings(data_dir=tmp_path / "other")).ca.read_bytes())
    monkeypatch.setattr(certificates, "system_roots", roots.read_bytes)
    found = certificates.ensure(settings())
    assert found.bundle.read_bytes() == roots.read_bytes() + found.ca.read_bytes()

    roots.write_bytes(b"")
    certificates.ensure(settings())
    assert found.bundle.read_bytes() == found.ca.read_bytes()


def test_a_certificate_of_ones_own_is_used_as_it_is(settings, tmp_path):
    own = certificates.ensure(settings(data_dir=tmp_path / "own"))
    found = certificates.ensure(settings(tls_cert=own.chain, tls_key=own.key))
    assert (found.chain, found.key, found.ca, found.bundle) == (own.chain, own.key, None, None)
    assert not (tmp_path / "data").exists()


def test_a_key_of_another_certificate_is_refused(settings, tmp_path):
    one, two = (certificates.ensure(settings(data_dir=tmp_path / name)) for name in ("a", "b"))
    with pytest.raises(SettingError, match=r"^TENANTRY_TLS_KEY: does not belong"):
        certificates.ensure(settings(tls_cert=one.chain, tls_key=two.key))


def test_a_file_that_is_no_certificate_is_refused(settings, tmp_path):
    own = certificates.ensure(settings(data_dir=tmp_path / "own"))
    (tmp_path / "text.pem").write_text("text")
    with pytest.raises(SettingError, match=r"^TENANTRY_TLS_CERT: "):
        certificates.ensure(settings(tls_cert=tmp_path / "text.pem", tls_key=own.key))
