"""The catalogue of sign-in errors: each code and each fault, in each language, and its page."""

from __future__ import annotations

import string
import subprocess
import sys
from pathlib import Path

import pytest

from tenantry.identity.connections.faults import Faulty
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.guides.explanations import ENGLISH, GERMAN, PROTOCOLS, say
from tenantry.identity.connections.saml import faults

ROOT = Path(__file__).parent.parent.parent
FAULTS = {
    f"{protocol}.{name}": fault
    for protocol in PROTOCOLS
    for name, fault in explanations.faults(protocol).items()
}
CODES = {one.code: one for one in explanations.explanations()}


def places(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_each_code_that_applications_know_is_explained():
    # reference: the errors of an integration and those of a connection's set-up.
    known = """
        invalid_redirect_uri invalid_connection_selector no_active_connections
        no_configured_connections connection_not_active invalid_organization_id
        invalid_connection_id domain_not_found invalid_user_domain invalid_client
        application_not_active invalid_request unauthorized user_not_active server_error
        mandatory_attribute_missing invalid_id_token failed_to_exchange_token
        user_info_retrieve_failed invalid_saml_metadata invalid_saml_request
        invalid_saml_response malformed_saml_response invalid_saml_form_params
        signature_validation_failed invalid_acs_url invalid_assertion_url invalid_status
        assertion_expired response_expired authentication_not_completed user_login_required
    """
    assert CODES.keys() >= set(known.split())
    assert {one.of for one in CODES.values()} == {
        explanations.INTEGRATION,
        explanations.CONNECTION,
    }


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_explained_in_every_language(code):
    texts = [explanations.explanation(code, language) for language in ("en", "de")]
    for one in texts:
        for text in (one.means, one.remedy):
            assert text[0].isupper()
            assert text.endswith(".")
    assert texts[0].means != texts[1].means
    assert texts[0].remedy != texts[1].remedy


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_said_in_german_with_the_same_details(name):
    fault = FAULTS[name]
    details = {place: f"<{place}: a/b?>" for place in places(fault.sentence)}
    error = Faulty(fault, **details)
    said = say(GERMAN, error.code, error.description, fault.remedy)
    assert said.description != error.description
    assert said.remedy != fault.remedy
    for value in details.values():
        assert value in said.description
    assert said.means == explanations.explanation(fault.code, GERMAN).means
    english = say(ENGLISH, error.code, error.description, fault.remedy)
    assert (english.description, english.remedy) == (error.description, fault.remedy)


def test_no_german_sentence_is_left_of_a_fault_that_is_gone():
    for protocol in PROTOCOLS:
        assert explanations._read()[protocol].keys() == explanations.faults(protocol).keys()


def test_a_sentence_of_somebody_else_stays_as_it_is():
    said = say(GERMAN, "invalid_status", "The person {found} is locked.", "Unlock {it}.")
    assert (said.description, said.remedy) == ("The person {found} is locked.", "Unlock {it}.")
    assert say(GERMAN, "no_such_code", "Odd.").means == ""
    assert say(ENGLISH, "server_error", "Odd.").remedy.startswith("Try again")


def test_a_long_description_takes_no_time():
    fault = faults.NO_EMAIL
    text = fault.sentence.format(expected="x " * 100, found="Sent were: " * 100)
    assert say(GERMAN, fault.code, text).description.startswith("Es gibt keine")
    assert say(GERMAN, fault.code, text * 100).description == text * 100


def test_the_page_of_the_docs_is_current():
    script = ROOT / "scripts" / "sign_in_errors.py"
    subprocess.run([sys.executable, script, "--check"], check=True)
