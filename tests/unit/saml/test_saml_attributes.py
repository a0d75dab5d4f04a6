"""A profile from attributes: the spellings that guides give, a mapping, and no e-mail address."""

from __future__ import annotations

import pytest

from tenantry.identity.connections.saml import faults
from tenantry.identity.connections.saml.attributes import profile
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import NameIDFormat
from tenantry.identity.connections.saml.response import Assertion
from tenantry.identity.connections.saml.trust import NameID

CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
ANN = {"email": ("ann@acme.test",), "given_name": ("Ann",), "family_name": ("Lee",)}


def assertion(attributes, friendly_names=None, name_id=None):
    return Assertion(
        id="_a",
        name_id=name_id or NameID("7"),
        attributes={
            name: values if isinstance(values, tuple) else (values,)
            for name, values in attributes.items()
        },
        friendly_names=friendly_names or {},
        session_index=None,
        session_not_on_or_after=None,
        authn_instant=None,
        not_on_or_after=1,
    )


@pytest.mark.parametrize(
    "names",
    [
        ("email", "firstName", "lastName"),
        (f"{CLAIMS}/emailaddress", f"{CLAIMS}/givenname", f"{CLAIMS}/surname"),
        ("email", "givenname", "surname"),
        ("email", "given_name", "family_name"),
        ("mail", "givenName", "sn"),
        ("Email", "first_name", "last_name"),
        ("urn:oid:0.9.2342.19200300.100.1.3", "urn:oid:2.5.4.42", "urn:oid:2.5.4.4"),
    ],
)
def test_the_spellings_of_the_guides_are_known(names):
    sent = dict(zip(names, ("ann@acme.test", "Ann", "Lee"), strict=True))
    assert profile(assertion(sent), {}) == ANN


def test_a_friendly_name_is_known_and_a_name_comes_first():
    sent = {"urn:1": "ann@acme.test", "urn:2": "Ann", "urn:3": "Lee", "urn:4": "other@acme.test"}
    friendly = {"urn:1": "mail", "urn:2": "givenName", "urn:3": "sn"}
    assert profile(assertion(sent, friendly), {}) == ANN
    both = sent | {"mail": "first@acme.test"}
    assert profile(assertion(both, friendly), {})["email"] == ("first@acme.test",)


def test_a_mapping_says_where_a_key_is_and_where_it_is_not():
    sent = {
        "email": "old@acme.test",
        "user.mail": "ann@acme.test",
        "firstName": "Ann",
        "lastName": "Lee",
        "ou": ("a", "b"),
    }
    mapping = {"email": "user.mail", "department": "ou", "missing": "none"}
    assert profile(assertion(sent), mapping) == ANN | {"department": ("a", "b")}
    with pytest.raises(
        SAMLError, match=r"User\.Mail is missing\. Attributes received: .*user\.mail"
    ) as no:
        profile(assertion(sent), {"email": "User.Mail"})
    assert no.value.code == "mandatory_attribute_missing"


def test_without_an_attribute_the_name_id_is_the_address_if_its_format_says_so():
    ann = NameID("ann@acme.test", NameIDFormat.EMAIL)
    assert profile(assertion({}, name_id=ann), {}) == {"email": ("ann@acme.test",)}
    other = assertion({"mail": "other@acme.test"}, name_id=ann)
    assert profile(other, {})["email"] == ("other@acme.test",)
    for name_id, mapping in ((NameID("ann@acme.test"), {}), (ann, {"email": "user.mail"})):
        with pytest.raises(SAMLError) as missing:
            profile(assertion({}, name_id=name_id), mapping)
        assert missing.value.fault is faults.NO_EMAIL


def test_an_attribute_without_a_value_is_not_sent():
    with pytest.raises(SAMLError, match="no attributes"):
        profile(assertion({"email": (), "mail": ("",)}), {})
    assert profile(assertion({"email": "", "mail": ("", "ann@acme.test")}), {}) == {
        "email": ("ann@acme.test",)
    }
