"""A master key in Google Cloud KMS, against a service of its protocol that encrypts for real."""

from __future__ import annotations

import pytest
from cloud_kms import EMAIL, RING, CloudKms
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from servers import free_port

from tenantry.access.data_keys import masters
from tenantry.crypto.key_services import gcp
from tenantry.crypto.master_key import MasterKeyError, of_text
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.db.opening import open_database
from tenantry.settings import SettingError

PLAIN = b"k" * 32


@pytest.fixture
def kms(tmp_path, monkeypatch):
    """The service, and the file of an account that may use its keys."""
    with CloudKms() as service:
        path = service.key_file(tmp_path / "account.json")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        monkeypatch.setenv("GCE_METADATA_HOST", service.host)
        yield service


def test_it_gives_back_what_it_has_wrapped(kms):
    key = of_text(kms.url("tenantry"))
    wrapped = key.wrap(PLAIN)
    assert PLAIN not in wrapped
    assert key.unwrap(wrapped) == PLAIN
    assert (key.provider, key.reference) == ("GCP", f"{RING}/cryptoKeys/tenantry")
    assert {claims["iss"] for claims in kms.assertions} == {EMAIL}
    assert kms.asked[::2] == ["/token", "/token"]


def test_another_key_and_a_changed_text_open_nothing(kms):
    wrapped = of_text(kms.url("tenantry")).wrap(PLAIN)
    for name, given in (("another", wrapped), ("tenantry", wrapped[:-1]), ("tenantry", b"x")):
        with pytest.raises(WrongKey):
            of_text(kms.url(name)).unwrap(given)


@pytest.mark.parametrize(
    ("verb", "member"),
    [
        ("wrap", "ciphertext"),
        ("wrap", "ciphertextCrc32c"),
        ("wrap", "verifiedPlaintextCrc32c"),
        ("unwrap", "plaintext"),
        ("unwrap", "plaintextCrc32c"),
    ],
)
def test_what_comes_damaged_is_not_taken(kms, verb, member):
    key = of_text(kms.url("tenantry"))
    given = PLAIN if verb == "wrap" else key.wrap(PLAIN)
    kms.damage = member
    with pytest.raises(MasterKeyError, match="came damaged") as problem:
        getattr(key, verb)(given)
    assert problem.value.may_pass


@pytest.mark.parametrize(
    "answer", [b"", b"[1]", b"{", b'"x"', b"[" * 9000, b'{"ciphertext": 1}', b'{"access_token":7}']
)
def test_an_answer_of_another_form_is_refused(kms, answer):
    key = of_text(kms.url("tenantry"))
    kms.answer = answer
    with pytest.raises(MasterKeyError, match="answers without"):
        key.wrap(PLAIN)


def test_a_machine_s_own_account_will_do(kms, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    key = of_text(kms.url("tenantry"))
    assert key.unwrap(key.wrap(PLAIN)) == PLAIN
    assert kms.assertions == []


def test_without_credentials_it_says_what_to_set(kms, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{free_port()}")
    with pytest.raises(MasterKeyError, match="set GOOGLE_APPLICATION_CREDENTIALS, or give"):
        of_text(kms.url("tenantry")).wrap(PLAIN)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"client_email": "other@project-1.iam.gserviceaccount.com"}, "400 .invalid_grant"),
        ({"type": "authorized_user"}, "is no key file of a service account"),
        ({"token_uri": "http://tokens.example.com/"}, "is no key file of a service account"),
        ({"private_key": "-----BEGIN secret-of-the-file"}, "its private key is not an RSA key"),
        ({"private_key": 7}, "its private key is not an RSA key"),
    ],
)
def test_an_account_that_is_refused_is_told_without_its_key(kms, tmp_path, changed, said):
    kms.key_file(tmp_path / "account.json", **changed)
    with pytest.raises(MasterKeyError, match=said) as problem:
        of_text(kms.url("tenantry")).wrap(PLAIN)
    assert "PRIVATE" not in str(problem.value)
    assert "secret-of-the-file" not in str(problem.value)


def test_a_key_of_another_kind_does_not_sign(kms, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    kms.key_file(tmp_path / "account.json", private_key=pem)
    with pytest.raises(MasterKeyError, match="not an RSA key"):
        of_text(kms.url("tenantry")).wrap(PLAIN)


@pytest.mark.parametrize("content", ["", "[]", "{", "null", "7"])
def test_a_file_of_something_else_is_refused(kms, tmp_path, content):
    (tmp_path / "account.json").write_text(content)
    with pytest.raises(MasterKeyError, match="is no key file of a service account"):
        of_text(kms.url("tenantry")).wrap(PLAIN)


def test_a_file_that_is_missing_is_named(kms, tmp_path):
    (tmp_path / "account.json").unlink()
    with pytest.raises(MasterKeyError, match=r"account\.json: No such file"):
        of_text(kms.url("tenantry")).wrap(PLAIN)


def test_a_key_that_one_may_not_use_is_told(kms):
    url = kms.url("tenantry").replace("cryptoKeys/tenantry", "cryptoKeys/missing")
    with pytest.raises(MasterKeyError, match=r"answers 403 \(PERMISSION_DENIED\)") as problem:
        of_text(url).wrap(PLAIN)
    assert not problem.value.may_pass


@pytest.mark.parametrize(
    "url",
    [
        "gcp-kms://projects/p",
        f"gcp-kms://{RING}/cryptoKeys/k/cryptoKeyVersions/1",
        f"gcp-kms://{RING}/cryptoKeys/k?region=x",
        f"gcp-kms://{RING}/cryptoKeys/k?endpoint=http://kms.example.com",
    ],
)
def test_a_url_of_another_form_is_refused(url):
    with pytest.raises(SettingError):
        of_text(url)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
    ],
)
def test_sums_are_those_of_rfc_3720(content, value):
    """Appendix B.4."""
    assert gcp.crc32c(content) == value


async def test_a_database_goes_over_to_it(kms, db, database_url, call):
    key = of_text(kms.url("tenantry"))
    await masters.rotate(call, key)
    await masters.destroy(call, 1)
    sealed = db.vault.encrypt(b"x", Binding("test"))
    async with open_database(database_url, key) as other:
        assert other.vault.decrypt(sealed, Binding("test")) == b"x"
