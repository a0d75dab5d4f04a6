"""Secrets at rest: a sealed one comes out for its purpose alone; a change is noticed."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.crypto.vault import (
    Binding,
    Vault,
    WrongKey,
    digest,
    matches,
    new_data_key,
    new_secret,
)

VAULT = Vault(b"k" * 32)


@given(st.binary(), st.text(st.characters(codec="utf-8")))
def test_what_was_sealed_comes_out(plain, purpose):
    sealed = VAULT.encrypt(plain, Binding(purpose))
    assert VAULT.decrypt(sealed, Binding(purpose)) == plain
    assert len(base64.b64decode(sealed)) == len(plain) + 12 + 16


@given(st.binary(min_size=1, max_size=64), st.data())
def test_a_changed_byte_is_noticed(plain, data):
    raw = bytearray(base64.b64decode(VAULT.encrypt(plain, Binding("purpose"))))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WrongKey):
        VAULT.decrypt(base64.b64encode(raw).decode(), Binding("purpose"))


def test_another_key_or_purpose_does_not_open_it():
    sealed = VAULT.encrypt(b"secret", Binding("one"))
    with pytest.raises(WrongKey):
        VAULT.decrypt(sealed, Binding("other"))
    with pytest.raises(WrongKey):
        Vault(b"o" * 32).decrypt(sealed, Binding("one"))


@pytest.mark.parametrize(
    "length",
    [
        *(0, 7, 8, 11, 12, 13, 27),
    ],
)
def test_what_is_too_short_to_be_sealed_does_not_open(length):
    with pytest.raises(WrongKey):
        VAULT.decrypt(base64.b64encode(b"x" * length).decode(), Binding("purpose"))


@pytest.mark.parametrize("length", range(6))
def test_a_value_for_a_url_has_no_character_that_a_url_escapes(length):
    for _ in range(50):
        encrypted = VAULT.encrypt_for_url(b"x" * length, Binding("purpose"))
        assert re.fullmatch(r"[\w-]+", encrypted, re.ASCII)
        assert VAULT.decrypt_from_url(encrypted, Binding("purpose")) == b"x" * length
    for wrong in ("", "é", encrypted[:-1], encrypted[1:]):
        with pytest.raises(WrongKey):
            VAULT.decrypt_from_url(wrong, Binding("purpose"))


def test_the_same_is_never_sealed_alike():
    assert len({VAULT.encrypt(b"secret", Binding("purpose")) for _ in range(1000)}) == 1000


def test_a_derived_key_is_of_its_purpose():
    keys = {VAULT.derive("one"), VAULT.derive("two"), Vault(b"o" * 32).derive("one")}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)
    assert VAULT.derive("one") == Vault(b"k" * 32).derive("one")


def test_a_secret_is_256_random_bits_and_only_its_digest_matches():
    secrets = {new_secret("sec_") for _ in range(1000)}
    assert len(secrets) == 1000
    for secret in secrets:
        assert len(base64.urlsafe_b64decode(secret.removeprefix("sec_") + "=")) == 32
    one, other, *_ = secrets
    assert matches(one, digest(one))
    assert not matches(other, digest(one))
    assert one not in digest(one)
    assert len({new_data_key() for _ in range(100)}) == 100
