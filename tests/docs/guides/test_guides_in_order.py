"""All guides, one after the other as the README lists them, from an empty environment."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyotp
import pytest
from doc_programs import RUNNERS, management, settings_for
from pictures_of_tests import png
from servers import TENANTRY
from test_guides import GUIDES, OPERATING, script
from test_sign_in_guides import sign_in

from tenantry.net import outgoing
from tenantry.settings import load

ROOT = GUIDES.parent.parent
_README = (ROOT / "README.md").read_text(encoding="utf-8")
_LIST = _README.partition("\n## Guides\n")[2].partition("\n## ")[0]
_LISTED = re.findall(r"\]\(docs/guides/([\w-]+)\.md\)", _LIST)
ORDER = [guide for guide in _LISTED if guide not in OPERATING]
_ID = re.compile(r'^declare -x (\w+_ID)="(\w+)"$', re.MULTILINE)
DENIED = {"decision": "DENY", "error": {"code": "TRIAL_OVER", "message": "Choose a plan first."}}

pytestmark = pytest.mark.timeout(300)


@contextmanager
def application():
    """The reader's own program: it takes webhooks, and answers an interceptor."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            answer = json.dumps(DENIED).encode()
            self.send_response(200 if self.path == "/interceptors" else 201)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def with_an_app(server, user_id):
    """Give somebody an authenticator app, as the guide to second factors shows."""
    with management(server) as api:
        body = {"user_id": user_id}
        made = api.post("/api/v1/totp/registration", json=body).raise_for_status().json()
        registration = made["totp_registration"]
        code = pyotp.parse_uri(registration["qr_code_uri"]).now()
        path = f"/api/v1/totp/{registration['id']}/enable"
        api.post(path, json={"code": code}).raise_for_status()


@pytest.mark.thorough
def test_all_guides_run_in_the_order_of_the_readme_from_an_empty_environment(
    start_server, tmp_path
):
    assert {path.stem for path in GUIDES.glob("*.md")} == set(_LISTED)
    server = start_server("reader", background="true", outgoing_allow="127.0.0.0/8")
    given = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    given |= {"PATH": f"{TENANTRY.parent}:{server.environment['PATH']}"}
    given |= settings_for("sh", server)
    kept = tmp_path / "variables.sh"  # the shell that goes on from guide to guide
    kept.touch()
    with application() as url:
        given |= {"WEBHOOK_URL": f"{url}/webhooks", "INTERCEPTOR_URL": f"{url}/interceptors"}
        for guide in ORDER:
            folder = tmp_path / guide
            folder.mkdir()
            if guide == "branding":
                (folder / "logo.png").write_bytes(png(40, 20))
            if guide == "look-after-tenants":  # somebody whose app is lost
                with_an_app(server, dict(_ID.findall(kept.read_text()))["USER_ID"])
            if guide == "sessions-and-sign-out":  # somebody signed in, as the one before shows
                jane = dict(_ID.findall(kept.read_text()))
                asyncio.run(sign_in(server, jane["ORGANIZATION_ID"], jane["USER_ID"]))
            source, answers = script(guide)
            whole = f"set -a\n. {kept}\n{source}\nexport -p > {kept}\n"
            done = RUNNERS["sh"](folder, whole, given)
            outputs = {path.name: path.read_text() for path in folder.glob("*.out")}
            assert done.returncode == 0, (guide, done.stderr, outputs)
            for name, shown in answers.items():
                answer = json.loads(outputs[name])
                refused = isinstance(answer, dict) and {"code", "details"} <= answer.keys()
                assert refused == (isinstance(shown, dict) and "code" in shown), (guide, answer)


@pytest.mark.parametrize("guide", ["receive-events", "interceptors"])
def test_an_address_of_a_sample_is_one_that_the_guide_has_allowed(guide):
    text = (GUIDES / f"{guide}.md").read_text(encoding="utf-8")
    (sample,) = re.findall(r"_URL:-http://(127\.0\.0\.1):\d+/", text)
    assert sample
    assert "TENANTRY_OUTGOING_ALLOW" not in text.partition("## 1.")[0]
    assert outgoing.check_url(f"http://{sample}:8001/", load({}).webhook_allow)
