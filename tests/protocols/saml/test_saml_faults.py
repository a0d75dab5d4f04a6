"""The catalogue of faults; and a process without SAML, which never imports its libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tenantry.identity.connections.saml import faults

# reference: the errors of connections that applications know.
CODES = {
    "mandatory_attribute_missing",
    "invalid_saml_metadata",
    "invalid_saml_request",
    "invalid_saml_response",
    "malformed_saml_response",
    "invalid_saml_form_params",
    "signature_validation_failed",
    "invalid_acs_url",
    "invalid_assertion_url",
    "invalid_status",
    "assertion_expired",
    "response_expired",
    "authentication_not_completed",
    "user_login_required",
}
ALL = {name: one for name, one in vars(faults).items() if isinstance(one, faults.Fault)}


def test_each_code_that_applications_know_is_given_by_some_fault():
    assert {fault.code for fault in ALL.values()} == CODES


@pytest.mark.parametrize("name", ALL)
def test_a_fault_is_said_in_sentences_of_its_own(name):
    fault = ALL[name]
    for text in (fault.sentence, fault.remedy):
        assert text[0].isupper() or text[0] == "{"
        assert text.endswith(".")
    assert "{" not in fault.remedy
    assert [other.sentence for other in ALL.values()].count(fault.sentence) == 1


def test_the_libraries_are_imported_by_the_first_message_only():
    modules = "response, logout, bindings, attributes"
    code = (
        "import sys\n"
        f"from tenantry.identity.connections.saml import {modules}\n"
        "from tenantry.identity.connections.saml.metadata import idp_metadata, sp_metadata\n"
        "assert not {'lxml', 'signxml', 'certifi'} & sys.modules.keys()\n"
        "try: response.parse('PGEvPg==')\n"
        "except Exception: pass\n"
        "assert 'lxml' in sys.modules and 'signxml' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
