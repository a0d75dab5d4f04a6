"""`tenantry sso decode`: whatever of SAML is pasted is explained, and judged by our rules."""

from __future__ import annotations

import base64
import json
import re
import shlex
from urllib.parse import quote

import commands
import pytest
from repository import ROOT
from saml_provider import ACS, CBC, IDP, NOW, SKEW, SP, Provider, attribute, form, pair, pem, trust

from tenantry.core.times import DAY, MINUTE
from tenantry.identity.connections.saml import bindings, certificates, decoding, faults, writing
from tenantry.identity.connections.saml.decoding import Expected
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.metadata import sp_metadata

VECTORS = ROOT / "tests" / "support" / "vectors" / "saml"
CASES = sorted(folder.name for folder in VECTORS.iterdir())
KNOWN = Expected(certificates=trust().idp_certificates, idp_entity_id=IDP, sp_entity_id=SP)
GOOD = Provider()
REDIRECT = bindings.redirect(
    "https://idp.test/sso?tenant=7",
    "SAMLRequest",
    writing.authn_request(
        identifier="_request1",
        sp_entity_id=SP,
        acs_url=ACS,
        sso_url="https://idp.test/sso",
        now=NOW,
    ),
    relay_state="a state",
    pair=pair("sp"),
)


def decode(pasted, expected=KNOWN, *, now=NOW):
    pasted = pasted if isinstance(pasted, bytes) else pasted.encode()
    return decoding.decode(pasted, expected, now=now, skew=SKEW)


def rows(decoded):
    return [row for section in decoded.sections for row in section.rows]


@pytest.mark.parametrize(
    "pasted",
    [
        GOOD.xml(),
        b"  \n" + GOOD.xml(),
        form(GOOD.xml()),
        "\n".join([form(GOOD.xml())[at : at + 76] for at in range(0, 9000, 76)]),
        f"SAMLResponse={quote(form(GOOD.xml()), safe='')}&RelayState=x",
        f"SAMLResponse={form(GOOD.xml())}",
        quote(form(GOOD.xml()), safe=""),
        base64.urlsafe_b64encode(GOOD.xml()).rstrip(b"="),
    ],
    ids=["XML", "space", "form value", "lines", "form", "plain form", "encoded", "URL-safe"],
)
def test_a_response_is_read_however_it_was_copied(pasted):
    decoded = decode(pasted)
    found = rows(decoded)
    for row in (
        ("Issuer", IDP),
        ("Destination", ACS),
        ("Audience", SP),
        ("NameID", "ann@acme.test"),
        ("Status", "Success"),
        ("Signature", "rsa-sha256, sha256"),
        ("Valid until", "2026-09-21T14:18:20Z (in 5 minutes)"),
        ("groups", "admins & others"),
    ):
        assert row in found
    (judged,) = decoded.judgements
    assert (judged.taken, judged.fault) == (True, None)


def test_an_address_with_a_request_is_read_with_its_parameters():
    decoded = decode(REDIRECT)
    found = rows(decoded)
    assert ("URL", "https://idp.test/sso") in found
    assert ("RelayState", "a state") in found
    assert ("Signed", "yes") in found
    assert ("ACS URL", ACS) in found
    assert decoded.judgements == []


def test_metadata_of_both_sides_is_read():
    ours = sp_metadata.write(
        identifier="_metadata",
        sp_entity_id=SP,
        acs_urls=(ACS,),
        slo_urls=(),
        current=pair("sp"),
        others=(),
        authn_requests_signed=True,
        want_assertions_signed=False,
        name_id_format=None,
        valid_until=NOW + 30 * DAY,
    )
    decoded = decode(ours)
    assert ("AssertionConsumerService, HTTP-POST", ACS) in rows(decoded)
    assert ("Entity ID", SP) in rows(decoded)
    assert ("Valid until", "2026-10-21T14:13:20Z (in 30 days)") in rows(decoded)
    assert decoded.judgements[0].taken is None


def test_a_certificate_is_read():
    (section,) = decode(pem_of(pair("idp").certificate)).sections
    assert ("Key", "RSA, 2048 bits") in section.rows
    assert ("Valid until", "2027-09-21T14:13:20Z (in 365 days)") in section.rows
    with pytest.raises(SAMLError, match="private key"):
        decode(pem(pair("idp").private_key))


def pem_of(certificate):
    return (
        f"-----BEGIN CERTIFICATE-----\n{certificates.base64_of(certificate)}\n"
        "-----END CERTIFICATE-----\n"
    )


@pytest.mark.parametrize(
    ("bent", "expected", "fault"),
    [
        (GOOD.but(audience="https://other.test"), KNOWN, faults.AUDIENCE),
        (GOOD.but(key=pem(pair("other").private_key)), KNOWN, faults.SIGNATURE),
        (GOOD.but(signs=()), KNOWN, faults.UNSIGNED),
        (GOOD, Expected(KNOWN.certificates, acs_url="https://other.test"), faults.DESTINATION),
        (GOOD, Expected(KNOWN.certificates, in_response_to="_other"), faults.IN_RESPONSE_TO),
        (GOOD, Expected(KNOWN.certificates, idp_entity_id="other"), faults.ISSUER),
    ],
)
def test_our_rules_say_what_they_hold_against_a_response(bent, expected, fault):
    (judged,) = decode(bent.xml(), expected).judgements
    assert (judged.taken, judged.fault) == (False, fault)


def test_an_old_response_is_judged_as_of_its_own_time_too():
    late = NOW + 20 * MINUTE
    first, then = decode(GOOD.xml(), now=late).judgements
    assert first.fault == faults.ASSERTION_EXPIRED
    assert then.taken
    first, then = decode(GOOD.but(audience="x").xml(), now=late).judgements
    assert then.fault == faults.AUDIENCE


def test_what_cannot_be_judged_is_said():
    (judged,) = decode(GOOD.xml(), Expected()).judgements
    assert (judged.taken, "certificate was given" in judged.about) == (None, True)
    brought = GOOD.but(certificate=certificates.base64_of(pair("idp").certificate))
    (judged,) = decode(brought.xml(), Expected()).judgements
    assert (judged.taken, "proves nothing" in judged.about) == (True, True)
    sealed = decode(GOOD.but(signs=("Response",), encryption=CBC).xml())
    assert sealed.judgements[0].taken is None
    assert any("encrypted" in section.name for section in sealed.sections)


@pytest.mark.parametrize(
    ("pasted", "fault"),
    [
        ("", faults.PARAMETER),
        ("hello there", faults.PARAMETER),
        ("SAMLResponse=", faults.PARAMETER),
        ("https://[x?SAMLResponse=a", faults.PARAMETER),
        ("<!DOCTYPE a><a/>", faults.MARKUP),
        ("<a/>", faults.NOT_A_RESPONSE),
        (b"<a>" + b" " * 300_000 + b"</a>", faults.TOO_LARGE),
    ],
)
def test_what_is_no_message_is_refused_with_a_reason(pasted, fault):
    with pytest.raises(SAMLError) as refused:
        decode(pasted)
    assert refused.value.fault == fault


def test_nothing_that_somebody_else_wrote_moves_a_terminal():
    odd = attribute("a&#x9b;31m", "&#x9b;2J")
    assert ("a?31m", "?2J") in rows(decode(GOOD.but(attributes=odd).xml()))


@pytest.mark.parametrize("name", CASES)
def test_the_command_explains_a_capture(name, tmp_path):
    folder = VECTORS / name
    params = json.loads((folder / "params.json").read_text(encoding="utf-8"))
    given = ("--metadata", str(folder / "metadata.xml"), "--audience", params["sp_entity_id"])
    command = ("sso", "decode", str(folder / "response.xml"), *given)
    done = commands.run(*command, cwd=tmp_path, environment={})
    assert (done.returncode, done.stderr) == (0, "")
    assert params["name_id"] in done.stdout
    assert done.stdout.endswith(": passed\n")
    answered = json.loads(commands.run(*command, "--json", cwd=tmp_path, environment={}).stdout)
    assert answered["judgements"][-1]["taken"] is True
    wrong = commands.run(*command[:-1], "https://other.test", cwd=tmp_path, environment={})
    assert wrong.returncode == 1
    assert "Set the audience" in wrong.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_command_of_the_docs_works(tmp_path):
    text = (ROOT / "docs" / "sign-in-errors.md").read_text()
    (line,) = re.findall(r"^tenantry (sso decode .*)$", text, re.MULTILINE)
    folder = VECTORS / "nanoidp"
    (tmp_path / "response.txt").write_text(form((folder / "response.xml").read_bytes()))
    (tmp_path / "idp-metadata.xml").write_bytes((folder / "metadata.xml").read_bytes())
    done = commands.run(*shlex.split(line), cwd=tmp_path, environment={})
    # The capture is for another service provider than that of the docs.
    assert (done.returncode, done.stderr) == (1, "")
    assert "the SP entity ID is https://auth.example.com/sso/v1/saml/conn_1." in done.stdout


def test_the_command_says_why_it_cannot_read(tmp_path):
    (tmp_path / "odd.txt").write_text("<!DOCTYPE a><a/>")
    done = commands.run("sso", "decode", "odd.txt", cwd=tmp_path, environment={})
    assert (done.returncode, done.stdout) == (1, "")
    assert "malformed_saml_response" in done.stderr
    missing = commands.run("sso", "decode", "no.txt", cwd=tmp_path, environment={})
    assert missing.returncode == 1
    assert "no.txt" in missing.stderr
