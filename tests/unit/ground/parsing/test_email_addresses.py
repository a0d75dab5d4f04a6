"""One normaliser of e-mail addresses: those that are taken, and the key of each."""

from __future__ import annotations

import string

import protovalidate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.core import errors
from tenantry.gen.scalekit.v1.auth.webauthn_pb import BeginAuthenticationRequest
from tenantry.net import domain_names, email_addresses

KELVIN, LONG_S = "\u212a", "\u017f"
DECEIVING = (KELVIN, LONG_S, "\uff41", "\u2170", "\u24d0", "\U0001d41a", "\ufb01")


def is_refused(text):
    with pytest.raises(errors.InvalidArgument) as refused:
        email_addresses.checked(text, "user.email")
    return [(one.field, one.constraint) for one in refused.value.violations]


_characters = st.sampled_from(string.ascii_letters + string.digits + ".-_@!#\"' ()\n\x00ükKß。")
_near = st.builds(
    "{}@{}".format, st.text(_characters, min_size=1, max_size=12), st.text(_characters, max_size=30)
)


@given(_near)
def test_an_address_is_taken_exactly_where_the_contract_takes_it(text):
    try:
        protovalidate.validate(BeginAuthenticationRequest(email=text))
    except protovalidate.ValidationError:
        assert is_refused(text) == [("user.email", "string.email")]
    else:
        assert email_addresses.checked(text, "user.email") == text


@pytest.mark.parametrize("character", DECEIVING)
def test_a_character_that_becomes_ascii_is_refused_and_the_field_named(character):
    assert is_refused(f"mi{character}e@example.com") == [("user.email", "string.email")]
    assert is_refused(f"mike@ex{character}mple.com") == [("user.email", "string.email")]
    with pytest.raises(ValueError, match=r"U\+"):
        domain_names.to_ascii(f"{character}.example.com")


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("a" * 64 + "@example.com", None),
        ("a" * 65 + "@example.com", "string.email"),
        ("a@" + ".".join(["x" * 63] * 3) + "." + "y" * 60, None),
        ("a@" + ".".join(["x" * 63] * 3) + "." + "y" * 61, "string.max_len"),
        ("\u212a" * 1_000_000, "string.max_len"),
        ("a@" * 500_000, "string.max_len"),
    ],
)
def test_an_address_has_a_length(text, constraint):
    if constraint is None:
        assert email_addresses.checked(text) == text
    else:
        assert is_refused(text) == [("user.email", constraint)]


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_that_is_not_ascii_is_found_as_what_is(local, domain):
    address = f"{local}@{domain}"
    key = email_addresses.key(address)
    assert email_addresses.key(key) == key
    if not local.isascii():
        assert not key.isascii()
    if key.isascii() and not domain.isascii():
        assert "xn--" in key


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("Mike@Example.COM", "mike@example.com"),
        (f"mi{KELVIN}e@example.com", f"mi{KELVIN}e@example.com"),
        (f"mike@{KELVIN}elvin.com", f"mike@{KELVIN}elvin.com"),
        ("ceo@straße.de", "ceo@xn--strae-oqa.de"),
        ("ceo@STRAẞE.de", "ceo@xn--strae-oqa.de"),
        ("ceo@strasse.de", "ceo@strasse.de"),
        ("ceo@XN--STRAE-OQA.de", "ceo@xn--strae-oqa.de"),
        ("ceo@bu\u0308cher.de", "ceo@xn--bcher-kva.de"),
        ("ceo@ex\uff41mple.com", "ceo@ex\uff41mple.com"),
        ("ceo@a\u3002com", "ceo@a\u3002com"),
        ("\u00dc@example.com", "\u00dc@example.com"),
        ("nobody", "nobody"),
        ("", ""),
    ],
)
def test_what_an_address_is_known_by(address, key):
    assert email_addresses.key(address) == key


def test_a_sharp_s_is_no_double_s_in_an_envelope():
    assert email_addresses.envelope("Ceo@straße.de") == "Ceo@xn--strae-oqa.de"
    assert email_addresses.envelope("jürgen@Example.com") == "jürgen@Example.com"
    for text in (f"mike@{KELVIN}elvin.com", "mike@", "@example.com", "mike"):
        with pytest.raises(ValueError, match=r"is|holds"):
            email_addresses.envelope(text)


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("ann@example.com", "example.com"),
        ("ANN@Example.COM", "example.com"),
        ("ann@example.com.", "example.com"),
        ('"a@b"@example.com', "example.com"),
        ("ann@bücher.de", "xn--bcher-kva.de"),
        ("ann@XN--BCHER-KVA.de", "xn--bcher-kva.de"),
        ("ann@☃.com", "☃.com"),
        ("ann", "ann"),
        ("ann@", ""),
        ("", ""),
        ("ann@" + "ü" * 5000, "ü" * 5000),
    ],
)
def test_the_domain_of_an_address(email, domain):
    assert email_addresses.domain_of(email) == domain
