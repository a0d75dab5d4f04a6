"""The guides do what they say: the blocks of each language run from top to bottom.

A JSON block shows what the shell block before it answers, cut short; one with a `code` says that
the call is refused.
"""

from __future__ import annotations

import json
import re

import pytest
from doc_programs import (
    RUNNERS,
    forget,
    management,
    settings_for,
    without_imports,
)
from repository import ROOT
from servers import TENANTRY

from tenantry.endpoints.docs.reference.languages import CLIENT, samples

GUIDES = ROOT / "docs" / "guides"
MODEL, INVITE, ROLES = "model-your-tenants", "invite-people", "roles-and-permissions"
PROTECT, KEYS = "protect-your-api", "api-keys"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Different each time: the digits of an id, a time (with no more digits than it needs).
_OWN = re.compile(r"\b([a-z0-9]+_)\d{16,19}\b|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3,9})?Z")

JANE = "jane@acme.com"
# The state at the end, in any language.
MEMBERS = {
    MODEL: {"acme": {JANE: ("ACTIVE", ["member"])}, "initech": {}},
    INVITE: {
        "acme": {JANE: ("ACTIVE", ["member"])},
        "globex": {JANE: ("PENDING_INVITE", ["admin"])},
    },
    ROLES: {"acme": {JANE: ("ACTIVE", ["viewer"])}},
}
# A client with its scopes and the number of its secrets; an API key with its claims.
MACHINES = {
    PROTECT: {"Acme nightly export": (["invoices:read", "invoices:write"], 1)},
    KEYS: {"Nightly export": {"scope": "invoices:read invoices:write"}},
}
ALL = (*MEMBERS, *MACHINES)
EVENTS = {"receive-events", "replay-and-audit"}  # tests/docs/guides/test_event_guides.py
DIRECTORIES = {"directories"}  # tests/docs/guides/test_directory_guide.py
MAIL = {"mail"}  # tests/docs/guides/test_mail_guide.py
SELF_SERVICE = {"self-service"}  # tests/docs/guides/test_self_service_guide.py
CONSOLE = {"console"}  # tests/docs/operators/test_console_guide.py
BRANDING = {"branding"}  # tests/docs/guides/test_branding_guide.py
PORTAL = {"admin-portal"}  # tests/docs/guides/test_portal_guide.py
# tests/test_quickstart_guide.py, tests/deploy/, tests/docs/texts/test_operator_docs.py
OPERATING = {"quickstart", "containers", "kubernetes", "systemd", "production-checklist"}
MOVE = {"move-from-scalekit"}  # tests/docs/guides/test_move_guide.py
CI = {"test-your-sign-in"}  # tests/docs/guides/test_ci_guide.py
CLAIMS = {"token-claims"}  # tests/docs/guides/test_token_claims_guide.py
CLIENTS = {"management-clients"}  # tests/docs/guides/test_management_clients_guide.py
MCP = {  # tests/docs/guides/test_mcp_guides.py
    *("mcp-server", "protect-your-mcp-server", "connect-mcp-clients", "control-agents"),
}
TENANTS = {"look-after-tenants"}  # tests/docs/guides/test_tenants_guide.py
ACTIVITY = {"look-into-activity"}  # tests/docs/guides/test_activity_guide.py
SIGN_IN = {  # tests/docs/guides/test_sign_in_guides.py
    *("sign-people-in", "sessions-and-sign-out"),
    *("passkeys-and-second-factors", "interceptors", "single-sign-on"),
    *("django", "flask", "nextjs"),
}


@pytest.fixture(scope="module")
def api(own_server):
    with management(own_server) as client:
        yield client


@pytest.fixture
def variables(api, own_server):
    """The state after "Model your tenants": an organization and Jane in it."""

    def create(path, **fields: object):
        made = api.post(f"/api/v1/{path}", json=fields).raise_for_status().json()
        return made.get("user", made)["id"]

    forget(api)
    path = str(TENANTRY.parent)
    settings = {"PATH": f"{path}:{own_server.environment['PATH']}"}
    settings |= {k: v for k, v in own_server.environment.items() if k.startswith("TENANTRY_")}

    def variables(guide, language):
        found = settings | settings_for(language, own_server)
        if guide != MODEL:
            acme = create("organizations", display_name="Acme Corp", external_id="acme_in_our_app")
            users = f"organizations/{acme}/users?send_invitation_email=false"
            jane = create(users, email=JANE, external_id="jane_in_our_app")
            found |= {"ORGANIZATION_ID": acme, "USER_ID": jane}
        return found

    yield variables
    forget(api)


def blocks(guide):
    text = (GUIDES / f"{guide}.md").read_text(encoding="utf-8")
    return [(language, code.rstrip("\n")) for language, code in _FENCE.findall(text)]


def program(guide, language):
    """The blocks of one language, after the client and the ids that another guide made."""
    own = [code for of, code in blocks(guide) if of == language]
    if guide != MODEL:
        own = [samples(CLIENT)[language], _IDS[language], *own]
    return joined(language, own)


def joined(language, own):
    """The blocks as a program."""
    return "\n\n".join(own) if language == "python" else _PROGRAMS[language](own)


_IDS = {
    "js": "const organizationId = process.env.ORGANIZATION_ID\nconst userId = process.env.USER_ID",
    "python": 'organization_id, user_id = os.environ["ORGANIZATION_ID"], os.environ["USER_ID"]',
    "go": 'organizationId := os.Getenv("ORGANIZATION_ID")\nuserId := os.Getenv("USER_ID")',
    "java": 'String organizationId = System.getenv("ORGANIZATION_ID");\n'
    'String userId = System.getenv("USER_ID");',
}


def _js(parts):
    imports, parts = without_imports("js", parts)
    return "\n\n".join([imports, *parts, "process.exit() // the SDK keeps its connection open"])


def _go(parts):
    """With what the blocks leave out: looking at errors, and a use for what they show only."""
    imports, parts = without_imports("go", parts)
    lines = []
    body = iter("\n\n".join(parts).splitlines())
    for line in body:
        lines.append(line)
        assigned = re.match(r"(\t*)(?!for |if )([\w, ]+?) :?= ", line)
        if not assigned:
            continue
        statement = line
        while any(statement.count(a) != statement.count(b) for a, b in ("()", "{}")):
            lines.append(next(body))
            statement += lines[-1]
        indent, names = assigned[1], assigned[2].split(", ")
        lines += [f"{indent}_ = {name}" for name in names if name not in {"_", "err"}]
        if "err" in names:
            lines.append(f"{indent}if err != nil {{ panic(err) }}")
    code = "\n".join(lines)
    return f"package main\n\nimport (\n{imports}\n)\n\nfunc main() {{\n{code}\n}}\n"


def _java(parts):
    imports, parts = without_imports("java", parts)
    code = "\n\n".join(parts)
    return (
        f"{imports}\n\npublic final class Samples {{\n"
        f"public static void main(String[] arguments) {{\n{code}\nSystem.exit(0);\n}}\n}}\n"
    )


_PROGRAMS = {"js": _js, "go": _go, "java": _java}


def script(*guides: str):
    """The shell blocks, the output of each in a file of its own, and what each has to answer."""
    parts, answers = ["set -euo pipefail"], {}
    if guides[0] != MODEL:
        parts.append(samples(CLIENT)["sh"])
    for language, code in (block for guide in guides for block in blocks(guide)):
        if language == "sh":
            parts.append(f"{{ {code}\n}} > {len(parts)}.out")
        elif language == "json":
            name = f"{len(parts) - 1}.out"
            answers[name] = shown = json.loads(code)
            if isinstance(shown, dict) and "code" in shown:
                parts[-1] = f"if {parts[-1]}; then echo '{name} was not refused' >&2; exit 1; fi"
    return "\n".join(parts), answers


def fits(shown, answer):
    """Whether the answer is the shown one and possibly more; ids and times may be others."""
    if isinstance(shown, dict):
        return all(name in answer and fits(value, answer[name]) for name, value in shown.items())
    if isinstance(shown, list):
        return len(shown) == len(answer) and all(map(fits, shown, answer))
    if isinstance(shown, str) and isinstance(answer, str):
        return _OWN.sub(r"\1", shown) == _OWN.sub(r"\1", answer)
    return shown == answer


def members(api, name):
    found = api.get(f"/api/v1/organizations:external/{name}_in_our_app").raise_for_status().json()
    page = api.get(f"/api/v1/organizations/{found['id']}/users").raise_for_status().json()
    return {
        user["email"]: (membership["membership_status"], [r["name"] for r in membership["roles"]])
        for user in page["users"]
        for membership in user["memberships"]
    }


def machines(api, guide):
    found = api.get("/api/v1/organizations:external/acme_in_our_app").raise_for_status().json()
    if guide == PROTECT:
        page = api.get(f"/api/v1/organizations/{found['id']}/clients").raise_for_status().json()
        return {one["name"]: (one["scopes"], len(one["secrets"])) for one in page["clients"]}
    asked = {"organization_id": found["id"]}
    page = api.get("/api/v1/tokens", params=asked).raise_for_status().json()
    return {one["description"]: one["custom_claims"] for one in page["tokens"]}


# The last is for a reader of one after the other.
@pytest.mark.parametrize(
    "guides",
    [*((guide,) for guide in ALL), pytest.param(ALL, marks=pytest.mark.thorough)],
    ids="+".join,
)
def test_what_curl_answers_is_what_the_guide_shows(guides, variables, tmp_path):
    source, answers = script(*guides)
    done = RUNNERS["sh"](tmp_path, source, variables(guides[0], "sh"))
    outputs = {path.name: path.read_text() for path in tmp_path.glob("*.out")}
    assert done.returncode == 0, (done.stderr, outputs)
    assert len(answers) > 2
    for name, shown in answers.items():
        answer = json.loads(outputs[name])
        # A reader of the others before has more than is shown: Jane's second membership.
        assert len(guides) > 1 or fits(shown, answer), (shown, answer)
    if INVITE in guides:
        told = "\n".join(outputs.values())
        assert re.search(r"^mail_\d.* sam@acme\.com", told, re.MULTILINE)


# Compiling takes its time: in `make test` one guide shows that it can be.
@pytest.mark.one_of("python", "js", "java", "go")
@pytest.mark.parametrize(
    ("guide", "language"),
    [
        pytest.param(
            guide,
            language,
            marks=[pytest.mark.thorough] if guide != MODEL and language in {"go", "java"} else [],
        )
        for guide in ALL
        for language in RUNNERS
        if language != "sh"
    ],
)
def test_every_language_gets_there(guide, language, api, variables, tmp_path):
    source = program(guide, language)
    done = RUNNERS[language](tmp_path, source, variables(guide, language))
    assert done.returncode == 0, done.stdout + done.stderr
    if guide in MEMBERS:
        assert {name: members(api, name) for name in MEMBERS[guide]} == MEMBERS[guide]
    else:
        assert machines(api, guide) == MACHINES[guide]


def test_the_client_is_that_of_the_reference():
    shown = dict(reversed(blocks(MODEL)))
    assert {language: shown[language] for language in RUNNERS} == samples(CLIENT)


def test_every_guide_is_in_five_languages():
    assert {path.stem for path in GUIDES.glob("*.md")} == {
        *(*ALL, *EVENTS, *DIRECTORIES, *MAIL, *SELF_SERVICE, *SIGN_IN),
        *(*OPERATING, *PORTAL, *CONSOLE, *TENANTS, *ACTIVITY, *BRANDING, *CI, *MOVE, *CLAIMS),
        *CLIENTS,
        *MCP,
    }
    for guide in ALL:
        counts = [[of for of, _ in blocks(guide)].count(lang) for lang in RUNNERS if lang != "sh"]
        assert len(set(counts)) == 1, (guide, counts)
