"""The guide to token claims: its blocks run from top to bottom, and its expressions are true."""

from __future__ import annotations

import json
import re

import pytest
from doc_programs import RUNNERS, forget, management, settings_for
from servers import TENANTRY
from test_guides import GUIDES, blocks, fits, script

from tenantry.identity.grants import claims
from tenantry.identity.token_templates import expressions, functions, parsing, templates
from tenantry.identity.token_templates.variables import SHAPE

GUIDE = "token-claims"
TEXT = (GUIDES / f"{GUIDE}.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(.+?)` \| (?:`(.+?)`|(left out)).*\|$", re.MULTILINE)
EXPRESSIONS = [
    (text.replace("\\|", "|"), value or None)
    for text, value, _ in _ROW.findall(TEXT.partition("## 4.")[2].partition("## 5.")[0])
]


def test_what_curl_answers_is_what_the_guide_shows(own_server, tmp_path):
    with management(own_server) as api:

        def post(path, **body: object):
            return api.post(f"/api/v1/{path}", json=body).raise_for_status().json()

        acme = post("organizations", display_name="Acme", external_id="acme_in_our_app")
        acme = acme["organization"]["id"]
        users = f"organizations/{acme}/users?send_invitation_email=false"
        user = post(users, email="jane@acme.com")["user"]["id"]
        source, answers = script(GUIDE)
        given = {k: v for k, v in own_server.environment.items() if k.startswith("TENANTRY_")}
        given |= settings_for("sh", own_server)
        given |= {
            "PATH": f"{TENANTRY.parent}:{own_server.environment['PATH']}",
            "ORGANIZATION_ID": acme,
            "USER_ID": user,
        }
        done = RUNNERS["sh"](tmp_path, source, given)
        outputs = {path.name: path.read_text() for path in tmp_path.glob("*.out")}
        left = api.get("/api/v1/token-templates").status_code
        forget(api)
    assert done.returncode == 0, (done.stderr, outputs)
    *shown, _person = answers.items()
    assert len(shown) == 4
    for name, answer in shown:
        assert fits(answer, json.loads(outputs[name])), (answer, outputs[name])
    assert "false" in [output.strip().removeprefix("{}").strip() for output in outputs.values()]
    assert left == 404


@pytest.mark.parametrize(("text", "value"), EXPRESSIONS)
def test_each_expression_has_the_value_that_the_table_shows(text, value):
    person = json.loads([code for language, code in blocks(GUIDE) if language == "json"][-1])
    try:
        found = parsing.parse(text, SHAPE).value(person)
    except functions.EvaluationError:
        found = None
    assert found == (None if value is None else json.loads(value))


def test_the_table_is_read():
    assert len(EXPRESSIONS) == 16
    assert sum(value is None for _, value in EXPRESSIONS) == 2


def test_every_operator_and_function_is_named():
    for name in (*functions.FUNCTIONS, *functions.CONDITIONAL, *expressions._OPERATORS):
        assert f"`{name}`" in TEXT, name


def test_the_numbers_are_those_of_the_code():
    for number in (parsing.MOST_CHARACTERS, expressions.STEPS, claims.TEMPLATE_BYTES):
        assert f"{number:,}" in TEXT
    assert f"brackets {parsing._MOST_DEPTH} levels deep" in TEXT
    assert f"| {templates.MOST_CLAIMS}, and {templates.MOST_BYTES >> 10} KiB as JSON |" in TEXT
    assert f"{templates.MOST_NAME} letters" in TEXT
    assert f"{templates._MOST_DEPTH} levels deep |" in TEXT
    assert 180 < claims.room("https://auth.example.com", compact=True) < 220
