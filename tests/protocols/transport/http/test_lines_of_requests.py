"""The log of requests, as an operator reads it: a line for each, by its id, and no secret."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import time

import httpx
import pytest
from http2 import Connection, framed
from protobuf import Oneof
from servers import TENANTRY, LiveServer

from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb

GET_ORGANIZATION = "/scalekit.v1.organizations.OrganizationService/GetOrganization"


@pytest.fixture
def http(sqlite_server):
    with httpx.Client(base_url=sqlite_server.url, verify=sqlite_server.trust) as client:
        yield client


@pytest.fixture
def token(sqlite_server, http):
    answer = http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": sqlite_server.client_id,
            "client_secret": sqlite_server.client_secret,
        },
    )
    return answer.json()["access_token"]


@pytest.fixture
def line_of(sqlite_server):
    """The line of a request, by the id that its answer has."""

    def find(request_id):
        until = time.monotonic() + 60
        while True:
            lines = sqlite_server.log.read_text().splitlines()
            found = [json.loads(line) for line in lines if request_id in line]
            if found:
                (line,) = found
                return line
            assert time.monotonic() < until
            time.sleep(0.02)

    return find


def test_a_call_over_rest_and_grpc(sqlite_server, http, token, line_of):
    bearer = {"authorization": f"Bearer {token}"}
    body = {"display_name": "Acme"}
    answer = http.post("/api/v1/organizations?verbose=hunter2", json=body, headers=bearer)
    assert answer.status_code == 400, "there is no such member of the query"
    line = line_of(answer.headers["x-request-id"])
    assert line.pop("ms") > 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "message": "request",
        "method": "POST",
        "route": "/api/v1/organizations",
        "wire": "rest",
        "status": 400,
        "received": len(answer.request.content),
        "sent": len(answer.content),
        "request_id": answer.headers["x-request-id"],
        "caller": "management_client",
        "caller_id": sqlite_server.client_id,
        "error_code": "INVALID_ARGUMENT",
    }
    headers = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost")]
    headers += [(":path", GET_ORGANIZATION), ("content-type", "application/grpc")]
    headers += [("te", "trailers"), *bearer.items()]
    with Connection(sqlite_server.port, sqlite_server.trust) as connection:
        asked = framed(pb.GetOrganizationRequest(identities=Oneof("id", "org_1")).to_binary())
        stream = connection.send(headers, asked)
        connection.wait(stream)
    line = line_of(stream.headers["x-request-id"])
    assert (line["wire"], line["route"]) == ("grpc", GET_ORGANIZATION)
    assert (line["status"], line["grpc_status"], line["error_code"]) == (200, 5, "NOT_FOUND")


def test_no_secret_of_a_request_is_in_it(sqlite_server, http, token, line_of):
    asked = [
        ("GET", "/portal/enter/zkA47fXuJDMXFSTUolFWum_cNbXktqXlyXDp49iD0Xc", {}),
        ("GET", "/login/zkA47fXuJDMXFSTUolFWum_cNbXktqXlyXDp49iD0Xc/nowhere", {}),
        ("GET", "/nothing?token=zkA47fXuJDMXFSTUolFWum", {}),
        ("zkA47fXuJDMXFSTUolFWum", "/", {}),
        ("GET", "/api/v1/organizations", {"authorization": "Bearer zkA47fXuJDMXFSTUolFWum"}),
        ("GET", "/", {"cookie": "a=zkA47fXuJDMXFSTUolFWum", "referer": "zkA47fXuJDMXFSTUolFWum"}),
        ("GET", "/", {"user-agent": "zkA47fXuJDMXFSTUolFWum" * 1000}),
        ("GET", "/%ffzkA47fXuJDMXFSTUolFWum", {}),
    ]
    for verb, target, headers in asked:
        answer = http.request(verb, target, headers=headers)
        line_of(answer.headers["x-request-id"])
    log = sqlite_server.log.read_text()
    assert "zkA47fXuJDMXFSTUolFWum" not in log
    assert token not in log
    assert sqlite_server.client_secret not in log


def test_a_request_that_no_route_has(http, line_of):
    answer = http.get("/wp-admin/%0a%22/42")
    line = line_of(answer.headers["x-request-id"])
    assert (line["route"], line["path"], line["status"]) == ("", "/wp-admin/*/*", 404)


def test_an_answer_that_is_not_the_applications_is_found_by_its_id(http, line_of):
    answer = http.get("/%ff")
    line = line_of(answer.headers["x-request-id"])
    assert line.pop("ms") >= 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "message": "refused before the application",
        "status": 400,
        "problem": "rbac_access_denied_matched_policy[not_utf8]",
        "request_id": answer.headers["x-request-id"],
    }


def test_an_answer_that_the_client_did_not_wait_for_has_one_line(sqlite_server, http, line_of):
    """The application has answered it: it was not refused before."""
    headers = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost")]
    with Connection(sqlite_server.port, sqlite_server.trust, window=0) as connection:
        stream = connection.send([*headers, (":path", "/")])
        while not stream.blocks:
            connection.read()
    line_of(http.get("/%ff").headers["x-request-id"])  # written by Envoy, after what it had to say
    assert line_of(stream.headers["x-request-id"])["message"] == "request"


def test_health_checks_are_left_out(sqlite_server, http, line_of):
    health = [http.get(path).headers["x-request-id"] for path in ("/livez", "/readyz", "/healthz")]
    line_of(http.get("/").headers["x-request-id"])
    log = sqlite_server.log.read_text()
    assert not [request_id for request_id in health if request_id in log]


def test_an_error_is_found_by_the_id_that_its_page_shows(sqlite_server, http, line_of, tmp_path):
    answer = http.get("/oauth/authorize?client_id=nobody")
    error_id = answer.headers["location"].rpartition("/")[2]
    line = line_of(answer.headers["x-request-id"])
    assert (line["error_id"], line["error_code"]) == (error_id, "invalid_client")
    page = http.get(answer.headers["location"])
    line_of(page.headers["x-request-id"])

    # By the command, in files as they were written, were packed, and by standard input.
    packed = tmp_path / "server.log.1.gz"
    packed.write_bytes(gzip.compress(b"server_1 | " + json.dumps(line).encode()))
    for files, count in [([sqlite_server.log], 2), ([packed], 1), ([packed, sqlite_server.log], 3)]:
        done = sqlite_server.run("log", "find", error_id, *map(str, files))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == done.stdout.count(error_id) == count
    with sqlite_server.log.open("rb") as log:
        done = subprocess.run(
            [TENANTRY, "log", "find", answer.headers["x-request-id"]],
            check=False,
            stdin=log,
            capture_output=True,
            cwd=tmp_path,
            text=True,
        )
    assert [json.loads(each) for each in done.stdout.splitlines()] == [line]


def test_an_id_that_no_line_has_or_that_is_none(sqlite_server, http, line_of):
    request_id = http.get("/").headers["x-request-id"]
    line_of(request_id)
    log = str(sqlite_server.log)
    done = sqlite_server.run("log", "find", request_id[:-1], log)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tenantry: no log line contains {request_id[:-1]}\n"
    done = sqlite_server.run("log", "find", "a b", log)
    assert done.returncode == 2
    done = sqlite_server.run("log", "find", request_id, "/nowhere.log")
    assert done.stderr == "tenantry: /nowhere.log: No such file or directory\n"


@pytest.mark.thorough
def test_a_server_whose_log_nobody_reads_answers_all_the_same(tmp_path):
    """A pipe holds 64 KiB, which is 200 lines."""
    server = LiveServer(tmp_path)
    reads, writes = os.pipe()
    process = subprocess.Popen(
        [TENANTRY, "serve"],
        cwd=tmp_path,
        env=server.environment,
        stdout=subprocess.DEVNULL,
        stderr=writes,
        start_new_session=True,
    )
    os.close(writes)
    server.process = process
    try:
        until = time.monotonic() + 60
        while not (server.listens() and server.answers()):
            assert time.monotonic() < until
            time.sleep(0.05)
        with httpx.Client(base_url=server.url, verify=server.trust) as http:
            ids = [http.get("/nowhere").headers["x-request-id"] for _ in range(600)]
        got = b""
        while ids[-1].encode() not in got:
            got += os.read(reads, 65536)
        lines = [json.loads(line) for line in got.splitlines(keepends=True) if line[-1:] == b"\n"]
        assert [line["request_id"] for line in lines if line["message"] == "request"] == ids
    finally:
        os.close(reads)
        assert server.stop() == 0


@pytest.mark.thorough
def test_it_can_be_switched_off_and_the_server_bears_no_standard_error(tmp_path):
    server = LiveServer(tmp_path, request_log="false")
    closed = ["sh", "-c", 'exec "$0" serve 2>&-', str(TENANTRY)]
    server.start(*closed)
    with httpx.Client(base_url=server.url, verify=server.trust) as http:
        assert http.get("/nowhere").status_code == 404
        assert http.get("/oauth/authorize?client_id=x").status_code == 303
    assert server.stop() == 0
    assert "/nowhere" not in server.log.read_text()
