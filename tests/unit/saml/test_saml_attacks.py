"""No forged response is taken: each attack on each good response; names of the attack cases."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from saml_attacks import ATTACKS, forge
from saml_provider import ATTRIBUTES, GOOD, NOW, REQUEST, SKEW, Provider, attribute, form, trust

from tenantry.identity.connections.saml import response
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.trust import SigningOption

SECONDS, MEGABYTES = 0.5, 32
LENIENT = trust(signing=SigningOption.NO_SIGNING)


def verify_form(text, in_response_to=REQUEST):
    return response.verify(
        response.parse(text), LENIENT, in_response_to=in_response_to, now=NOW, skew=SKEW
    )


def verify(xml, provider):
    return verify_form(form(xml), provider.answers)


BOTH = GOOD["both signed"].xml()


@pytest.mark.parametrize("good", GOOD)
def test_no_attack_on_a_good_response_is_taken(good):
    provider = GOOD[good]
    xml = provider.xml()
    assert verify(xml, provider).name_id.value == "ann@acme.test"
    made = [
        (name, forged)
        for name in ATTACKS
        if name != "100 MB" and (forged := forge(name, xml)) is not None
    ]
    assert len(made) > 20  # an encrypted assertion has no parts to move
    for name, forged in made:
        with pytest.raises(SAMLError):
            pytest.fail(f"{name}: {verify(forged, provider)}")


def resident(name):
    """Resident memory of this process in bytes: VmRSS now, VmHWM at its highest."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024


@contextmanager
def within_bounds():
    """Hold work that is done three times to its time, at best, and to its memory."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM begins anew
    before, took = resident("VmRSS"), []
    yield took
    assert min(took) < SECONDS
    assert resident("VmHWM") - before < MEGABYTES * 1024 * 1024


def timed(took, work):
    for _ in range(3):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_soon_and_without_much_memory(name):
    """Attack cases 1 to 11."""
    forged = forge(name, BOTH)
    assert forged is not None
    text = form(forged)

    def refused():
        with pytest.raises(SAMLError):
            verify_form(text)

    with within_bounds() as took:
        timed(took, refused)


GROUP = "".join(f"<saml:AttributeValue>group-{n:05d}</saml:AttributeValue>" for n in range(1900))
NAMESPACES_25 = " ".join(f'xmlns:n{n}="u:{n}"' for n in range(25))
LARGE = {
    "1,900 groups": f'<saml:Attribute Name="groups">{GROUP}</saml:Attribute>',
    "240 KB of text": attribute("text", "x" * 240_000),
    "750 namespaces": "".join(
        f'<saml:Attribute Name="{n}" {NAMESPACES_25}>'
        + "".join(f"<n{inner}:x/>" for inner in range(25))
        + "</saml:Attribute>"
        for n in range(30)
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_responses_that_are_taken_are_read_soon_too(name):
    provider = Provider(attributes=ATTRIBUTES + LARGE[name], signs=("Assertion", "Response"))
    text = form(provider.xml())
    with within_bounds() as took:
        timed(took, lambda: verify_form(text))
