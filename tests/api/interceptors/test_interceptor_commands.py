"""`tenantry interceptor`: the same as the API, from the command line."""

from __future__ import annotations

import asyncio
import json

from interceptor_receivers import denied
from standardwebhooks import Webhook


async def run(server, *arguments: str):
    return await asyncio.to_thread(server.run, "interceptor", *arguments)


async def test_one_is_made_tried_listed_and_deleted(asking, asking_server, receiver, tmp_path):
    options = ("--name", "Trial check", "--timeout", "900", "--fail-open", "--enable", "--json")
    done = await run(asking_server, "create", "PRE_SIGNUP", receiver.url(), *options)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    key = made["interceptor"]["id"]
    read = (await asking.interceptors.get_interceptor(id=key))["interceptor"]
    assert (read["display_name"], read["timeout_ms"]) == ("Trial check", "900")
    assert (read["failure_policy"], read["enabled"]) == ("FAIL_OPEN", True)

    sample = tmp_path / "sample.json"
    sample.write_text('{"user": {"id": "usr_1"}}')
    done = await run(asking_server, "test", key, str(sample))
    assert json.loads(done.stdout) == {"decision": "ALLOW"}
    (got,) = receiver.got
    assert got.content["data"] == {"user": {"id": "usr_1"}}
    Webhook(made["secret"]).verify(got.body, got.headers)
    receiver.answers["/ask"] = 500
    done = await run(asking_server, "test", key)
    assert (done.returncode, "HTTP_STATUS" in done.stderr) == (1, True)
    receiver.answers["/ask"] = denied("") | {"error": {"code": "NO"}}
    done = await run(asking_server, "test", key)
    assert (done.returncode, "error.message" in done.stderr) == (1, True)
    sample.write_text("[]")
    assert "is not a JSON object" in (await run(asking_server, "test", key, str(sample))).stderr

    rotated = json.loads((await run(asking_server, "rotate-secret", key, "--json")).stdout)
    assert rotated["secret"] != made["secret"]
    shown = await run(asking_server, "rotate-secret", key)
    assert "whsec_" in shown.stdout
    assert "not shown again" in shown.stderr
    assert (await run(asking_server, "disable", key)).returncode == 0
    assert (await run(asking_server, "enable", key)).returncode == 0
    (listed,) = json.loads((await run(asking_server, "list", "--json")).stdout)
    assert (listed["id"], listed["enabled"]) == (key, True)
    assert "whsec_" not in json.dumps(listed)
    assert key in (await run(asking_server, "list")).stdout
    assert (await run(asking_server, "delete", key, "--yes")).returncode == 0
    assert (await run(asking_server, "delete", key, "--yes")).returncode == 1


async def test_what_cannot_be_is_said_in_one_line(asking_server):
    done = await run(asking_server, "create", "PRE_SIGNUP", "https://10.0.0.1/")
    assert done.returncode == 1
    assert done.stderr.startswith("tenantry: interceptor.api_url: ")
    assert (await run(asking_server, "create", "PRE_NOTHING", "https://a.example")).returncode == 2
