"""The catalogue of sign-in errors: each code and each fault, in each language, and its page."""

from __future__ import annotations

import re
import string
import subprocess
import sys

import pytest
from repository import ROOT

from tenantry.i18n import translations
from tenantry.i18n.languages import LANGUAGES
from tenantry.identity.connections.faults import ProtocolError
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.guides.explanations import ENGLISH, PROTOCOLS, say
from tenantry.identity.connections.saml import faults

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


# Words that every language has from English, and those that no other language has.
_KEPT = re.compile(
    r"\b(?:[A-Z]{3,}[\w-]*|[a-z]+_[a-z_]+|[A-Z][a-z]+[A-Z]\w+|https?\S*|ann@\S+|prompt=none|openid"
    r"|at_hash|base64|SHA-\d+|RSA[\w. -]*\d+|\d+)\b"
)
_ENGLISH = re.compile(r"\b(?:the|and|with|that|which|its|sign|provider's|your|they|not)\b")
OTHERS = [language for language in LANGUAGES if language != ENGLISH]


def translated(ours, english):
    """Check that a text is one in another language, with all that stays as it is."""
    assert ours[0].isupper() or ours[0] == "{" or "_" in ours.split()[0], ours
    assert ours.endswith("."), ours
    assert "<" not in ours
    assert ours != english
    assert sorted(places(ours)) == sorted(places(english)), ours
    assert not _ENGLISH.search(ours), ours
    kept = set(_KEPT.findall(english)) - {"XML", "URL", "URLs", "URI", "UTC", "JSON", "SAML"}
    assert all(one.rstrip(".") in ours for one in kept), (kept, ours)


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_of_a_code_or_a_fault_says_the_same(language):
    known = translations.catalogue(language)
    for place, english in explanations.texts():
        if (place, english) in known:
            translated(known[place, english], english)


@pytest.mark.parametrize("language", OTHERS)
def test_a_code_is_explained_in_every_language(language):
    known = translations.catalogue(language)
    for english, other in zip(
        explanations.explanations(), explanations.explanations(language), strict=True
    ):
        assert (english.code, english.of) == (other.code, other.of)
        for name in ("means", "remedy"):
            text = getattr(english, name)
            assert getattr(other, name) == known.get((f"errors:{other.code}.{name}", text), text)


@pytest.mark.parametrize("language", OTHERS)
def test_a_fault_is_said_in_every_language_with_the_same_details(language):
    known = translations.catalogue(language)
    for name, fault in FAULTS.items():
        details = {place: f"<{place}: a/b?>" for place in places(fault.sentence)}
        error = ProtocolError(fault, **details)
        said = say(language, error.code, error.description, fault.remedy)
        remedy = known.get((f"errors:{name}.remedy", fault.remedy))
        assert (said.remedy, said.remedy_language) == (
            (remedy, language) if remedy else (fault.remedy, ENGLISH)
        )
        if (f"errors:{name}.sentence", fault.sentence) in known:
            assert said.description != error.description
            for place, value in details.items():
                # A reason is a phrase of ours in English.
                assert (value, "en" if place == "reason" else language) in said.parts
        else:
            assert said.parts == ((error.description, ENGLISH),)
        assert said.means == explanations.explanation(fault.code, language).means
        english = say(ENGLISH, error.code, error.description, fault.remedy)
        assert (english.description, english.remedy) == (error.description, fault.remedy)
        assert {spoken for _, spoken in english.parts} == {"en"}


def test_a_sentence_of_somebody_else_stays_as_it_is_and_is_taken_for_english():
    said = say("de", "invalid_status", "The person {found} is locked.", "Unlock {it}.")
    assert (said.description, said.remedy) == ("The person {found} is locked.", "Unlock {it}.")
    assert (said.parts[0][1], said.remedy_language) == ("en", "en")
    assert say("de", "no_such_code", "Odd.").means == ""
    assert say(ENGLISH, "server_error", "Odd.").remedy.startswith("Try again")


def test_the_remedy_of_a_code_is_said_to_the_reader_where_the_description_is_of_somebody_else():
    english = CODES["invalid_status"].remedy
    for hint in ("", english):
        said = say("de", "invalid_status", "The person is locked.", hint)
        assert said.remedy == explanations.explanation("invalid_status", "de").remedy
        assert said.remedy_language == "de"
        assert said.parts == (("The person is locked.", "en"),)


def test_a_long_description_takes_no_time():
    fault = faults.NO_EMAIL
    text = fault.sentence.format(expected="x " * 100, found="Attributes received: " * 80)
    assert say("de", fault.code, text).description.startswith("Das E-Mail-Attribut")
    assert say("de", fault.code, text * 100).description == text * 100


def test_the_page_of_the_docs_is_current():
    script = ROOT / "scripts" / "sign_in_errors.py"
    subprocess.run([sys.executable, script, "--check"], check=True)
