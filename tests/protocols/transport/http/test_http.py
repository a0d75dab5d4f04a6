"""HTTP around the calls: refusals before any of them, CORS, and the shape of every error."""

from __future__ import annotations

import re

import pytest
import trial
from in_process import AsgiClient

from tenantry.core import errors
from tenantry.net.http import MAX_BODY

SHAPE = "/trial/shapes/shp_1"
JSON = "application/json"


# Verbs


@pytest.mark.parametrize(
    ("verb", "path", "allow"),
    [
        ("DELETE", SHAPE, "GET, HEAD, OPTIONS, PATCH, PUT"),
        ("POST", SHAPE, "GET, HEAD, OPTIONS, PATCH, PUT"),
        ("GET", "/trial/shapes", "OPTIONS, POST"),
        ("PATCH", "/trial/shapes/shp_1:refresh", "GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ("POST", "/trial/hello", "GET, HEAD, OPTIONS"),
        ("BREW", "/trial/hello", "GET, HEAD, OPTIONS"),
        ("GET", f"/{trial.SERVICE}/Show", "OPTIONS, POST"),
        ("PUT", f"/{trial.SERVICE}/Show", "OPTIONS, POST"),
    ],
)
async def test_another_verb_is_told_which_there_are(ask, verb, path, allow):
    if (verb, path) == ("PATCH", "/trial/shapes/shp_1:refresh"):
        assert (await ask(verb, path)).json["shape"]["id"] == "shp_1:refresh"
        verb = "BREW"
    answer = await ask(verb, path)
    assert answer.status == 405
    assert sorted(answer.headers["allow"].split(", ")) == allow.split(", ")
    assert answer.error["error_code"] == "METHOD_NOT_ALLOWED"


async def test_head_is_get_without_the_body(ask):
    get, head = await ask("GET", SHAPE), await ask("HEAD", SHAPE)
    assert head.status == 200
    assert head.body == b""
    assert head.headers["content-length"] == str(len(get.body))
    assert head.headers.keys() == get.headers.keys()
    missing = await ask("HEAD", "/trial/nothing")
    assert (missing.status, missing.body) == (404, b"")


async def test_options_says_which_verbs_there_are_to_anyone(ask_as_nobody):
    for path, allow in [
        (SHAPE, "GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/trial/hello", "GET, HEAD, OPTIONS"),
        (f"/{trial.SERVICE}/Show", "OPTIONS, POST"),
    ]:
        answer = await ask_as_nobody("OPTIONS", path)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["allow"] == allow
        assert "content-length" not in answer.headers
        assert not any(name.startswith("access-control") for name in answer.headers)
    missing = await ask_as_nobody("OPTIONS", "/trial/nothing")
    assert missing.error["status"] == 404


async def test_a_path_that_is_not_there_is_not_found(ask):
    for path in ("/", "/trial", "/trial/shapes/", "/trial//shapes", "/docs"):
        answer = await ask("GET", path)
        assert answer.error["status"] == 404
        assert answer.json["message"].startswith("path not found")


async def test_a_base_url_may_end_in_a_slash(ask):
    assert (await ask("GET", f"/{SHAPE}")).status == 200
    answer = await ask("POST", f"//{trial.SERVICE}/Show", {"id": "shp_1"})
    assert answer.json["shape"]["id"] == "shp_1"


# Bodies


async def test_a_body_of_another_type_is_refused(ask):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "text/json", "json", "*/*"):
        answer = await ask("PUT", SHAPE, b"{}", content_type=kind)
        assert answer.status == 415
        assert answer.error["error_code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_json_may_be_called_what_clients_call_it(ask):
    for kind in (JSON, "application/json; charset=utf-8", "Application/JSON ;x", ""):
        answer = await ask("PUT", SHAPE, b'{"text": "a"}', content_type=kind)
        assert answer.status == 201
    assert (await ask("PUT", SHAPE, b"{}")).status == 201


async def test_without_a_body_its_type_does_not_matter(ask):
    assert (await ask("PUT", SHAPE, b"", content_type="text/plain")).status == 201


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"{",
            b"}",
            b"{]",
            b"x",
            b"{'a': 1}",
            b'{"text": "a",}',
            b'{"text": "a"} {}',
            b" ",
            b"\0",
        ),
        *(
            b'{"text": "\xff"}',
            b'{"text": "\xed\xa0\x80"}',
            b'{"text": "\\ud800"}',
            b"\xef\xbb\xbf{}",
        ),
        *('{"text": "a"}'.encode("utf-16"), b'{"text": "a\nb"}', b'{"a_double": NaN}', b"{a: 1}"),
        *(b'{"text": "a\0"}', b'{"an_int32": 01}', b'{"an_int32": +1}', b"//\n{}"),
    ],
)
async def test_what_is_no_json_is_refused(ask, body):
    answer = await ask("PUT", SHAPE, body, content_type=JSON)
    assert answer.error["status"] == 400
    assert answer.error["error_code"] == "INVALID_ARGUMENT"
    assert answer.json["message"].startswith("the body is not JSON: ")


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"a"', b"true", b"[{}]"])
async def test_json_that_is_no_object_is_refused(ask, body):
    answer = await ask("PUT", SHAPE, body, content_type=JSON)
    assert answer.violations == {"body": "type"}


async def test_a_body_that_is_declared_too_large_is_not_taken(ask):
    answer = await ask("PUT", SHAPE, b"{}", content_length=str(MAX_BODY + 1))
    assert answer.status == 413
    assert answer.error["error_code"] == "PAYLOAD_TOO_LARGE"
    assert answer.error["code"] == errors.Code.RESOURCE_EXHAUSTED
    assert (await ask("PUT", SHAPE, b"{}", content_length="9" * 5000)).status == 413


async def test_a_body_that_grows_too_large_is_cut_off(ask):
    pieces = [b" " * 65536] * 17
    answer = await ask("PUT", SHAPE, chunks=pieces, content_type=JSON)
    assert answer.error["status"] == 413
    answer = await ask("POST", "/trial/form", chunks=pieces)
    assert answer.error["status"] == 413


async def test_a_body_of_exactly_the_limit_is_read(ask):
    body = b'{"text": "a"}'
    pieces = [b" " * (MAX_BODY - len(body)), body]
    answer = await ask("PUT", SHAPE, chunks=pieces, content_type=JSON)
    assert answer.status == 201


async def test_a_body_may_come_in_pieces(ask):
    pieces = [bytes([byte]) for byte in b'{"text": "\xc3\xa9"}']
    answer = await ask("PUT", SHAPE, chunks=pieces, content_type=JSON)
    assert answer.json["shape"]["text"] == "é"


async def test_nobody_is_answered_when_the_client_is_gone(ask, service):
    answer = await ask("PUT", SHAPE, chunks=[b"{", b""], gone=True, content_type=JSON)
    assert answer.status == 0
    assert service.answered == 0


# Forms


async def test_a_form_is_read(ask):
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    answer = await ask("POST", "/trial/form", b"a=1&b=%C3%A9+x&c=", content_type=kind)
    assert answer.json == {"a": "1", "b": "é x", "c": ""}


@pytest.mark.parametrize(
    "body", [b"a=1&a=2", b"a=%ff", b"a=\xff", b"a=%00", b"&".join([b"a"] * 51)]
)
async def test_a_form_that_cannot_be_read_is_refused(ask, body):
    kind = "application/x-www-form-urlencoded"
    answer = await ask("POST", "/trial/form", body, content_type=kind)
    assert answer.error["status"] == 400


async def test_what_is_no_form_is_refused(ask):
    for kind in (JSON, "text/plain", ""):
        answer = await ask("POST", "/trial/form", b"a=1", content_type=kind)
        assert answer.error["status"] == 415


# Answers


@pytest.fixture
def every_answer(ask, ask_as_nobody):
    """Ask for every kind of answer that there is."""

    async def answers():
        yield 200, await ask("GET", SHAPE)
        yield 201, await ask("PUT", SHAPE)
        yield 204, await ask("OPTIONS", SHAPE)
        yield 400, await ask("PUT", SHAPE, {"nonsense": 1})
        yield 400, await ask("POST", "/trial/misbehave", {"text": "duplicate name"})
        yield 401, await ask_as_nobody("GET", SHAPE)
        yield 403, await ask("GET", "/trial/of/blocked")
        yield 404, await ask("GET", "/trial/nothing")
        yield 405, await ask("DELETE", SHAPE)
        yield 413, await ask("PUT", SHAPE, content_length="1234567890")
        yield 415, await ask("PUT", SHAPE, b"x", content_type="text/plain")
        yield 500, await ask("POST", "/trial/misbehave", {"text": "crash"})
        yield 503, await ask("POST", "/trial/misbehave", {"text": "unavailable"})

    return answers


async def test_every_answer_has_a_request_id_of_its_own(every_answer):
    seen = set()
    async for status, answer in every_answer():
        assert answer.status == status
        assert re.fullmatch(r"req_[0-9a-f]{24}", answer.headers["x-request-id"])
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == 13


async def test_every_error_has_one_shape(every_answer):
    async for status, answer in every_answer():
        if status >= 400:
            assert errors.HTTP_STATUS[answer.error["code"]] in {status, 400, 429, 501}
            assert answer.error["message"]
            assert answer.headers["content-length"] == str(len(answer.body))


async def test_no_answer_is_kept_or_guessed_at(every_answer):
    async for _, answer in every_answer():
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_crash_tells_the_client_its_request_id_and_nothing_else(ask, caplog):
    answer = await ask("POST", "/trial/misbehave", {"text": "crash hunter2"})
    request_id = answer.headers["x-request-id"]
    assert answer.error["status"] == 500
    assert answer.json["message"] == f"internal error, request id {request_id}"
    assert b"hunter2" not in answer.body
    assert b"RuntimeError" not in answer.body
    (record,) = caplog.records
    assert record.fields == {"request_id": request_id}
    assert "hunter2" in str(record.exc_info[1])


async def test_an_answer_that_cannot_be_encoded_is_a_crash_too(ask, caplog):
    for text in ("unencodable", "nothing"):
        for path in ("/trial/misbehave", f"/{trial.SERVICE}/Misbehave"):
            answer = await ask("POST", path, {"text": text})
            assert answer.status == 500
            request_id = answer.headers["x-request-id"]
            assert answer.json["message"] == f"internal error, request id {request_id}"
            assert caplog.records[-1].fields == {"request_id": request_id}
    assert len(caplog.records) == 4


async def test_a_database_that_is_away_is_a_server_that_is_busy(ask):
    answer = await ask("POST", "/trial/misbehave", {"text": "unavailable"})
    assert answer.error["code"] == errors.Code.UNAVAILABLE
    assert "connection lost" not in answer.json["message"]


async def test_a_duplicate_names_its_field(ask):
    answer = await ask("POST", "/trial/misbehave", {"text": "duplicate external_id"})
    assert answer.violations == {"external_id": "unique"}
    assert "duplicate key not allowed" in answer.json["message"]


async def test_text_of_a_client_cannot_break_an_answer(ask):
    for name in ("é🐘", "a\r\nset-cookie: x", "<script>", '"\\', "\u2028", "%0d%0a"):
        answer = await ask("PUT", SHAPE, {name: 1})
        assert list(answer.violations) == [name]
        assert "set-cookie" not in answer.headers


# Callers


async def test_without_credentials_no_error_is_named(ask_as_nobody):
    answer = await ask_as_nobody("GET", SHAPE)
    assert answer.error["error_code"] == "UNAUTHENTICATED"
    assert answer.json["message"] == "Token empty"  # as clients know it
    (link,) = answer.error["help_info"]["links"]
    assert "`Authorization: Bearer ...`" in link["description"]
    assert "POST /oauth/token" in link["description"]
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_bad_token_is_named_as_the_error(entry):
    answer = await AsgiClient(entry, authorization="Bearer nonsense")("GET", SHAPE)
    assert answer.error["status"] == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_who_calls_is_found_out_before_the_body_is_read(ask_as_nobody):
    answer = await ask_as_nobody("PUT", SHAPE, b"{", content_type=JSON)
    assert answer.status == 401


@pytest.mark.parametrize("caller", ["client", "reader", "writer", None])
@pytest.mark.parametrize("spoken", ["rest", "connect"])
@pytest.mark.parametrize(
    ("path", "rpc", "allowed"),
    [
        ("/trial/of/nobody", "OfNobody", set()),
        ("/trial/of/blocked", "OfBlocked", set()),
        ("/trial/of/anyone", "OfAnyone", {"client", "reader", "writer", None}),
        ("/trial/of/portal", "OfThePortal", {"reader", "writer"}),
        # Permissions bind those who hold a set of them: the client holds all.
        ("/trial/of/readers", "OfReaders", {"client", "reader"}),
        (SHAPE, "Show", {"client"}),
    ],
)
async def test_the_contract_says_who_may_call(*, entry, spoken, path, rpc, allowed, caller):
    asgi_client = AsgiClient(entry, **({"authorization": f"Bearer {caller}"} if caller else {}))
    if spoken == "rest":
        answer = await asgi_client("GET", path)
    else:
        answer = await asgi_client("POST", f"/{trial.SERVICE}/{rpc}", {})
    if caller in allowed:
        assert answer.status == 200
        assert answer.json["caller"] == (trial.CALLERS[caller].id if caller else "anonymous")
    elif caller is None and allowed:
        assert answer.status == 401
    else:
        assert answer.status == 403


async def test_the_permissions_that_a_call_needs_are_told(entry):
    answer = await AsgiClient(entry, authorization="Bearer writer")("GET", "/trial/of/readers")
    assert answer.error["error_code"] == "PERMISSION_DENIED"
    assert "shapes:read, shapes_read" in answer.json["message"]


async def test_one_good_token_among_several_is_enough(entry):
    answer = await AsgiClient(entry, authorization="Bearer stale,Bearer client")("GET", SHAPE)
    assert answer.status == 200


# Other origins

HERE, ELSEWHERE = "https://app.test", "https://evil.test"


@pytest.fixture
def listed(pb, trial_database):
    """Send a request to a server that lists one origin."""
    origins = (HERE, "http://localhost:3000")
    return AsgiClient(
        trial.wire(pb, trial_database, cors_origins=origins), authorization="Bearer client"
    )


async def test_no_origin_may_call_unless_it_is_listed(ask):
    for verb, headers in [("GET", {}), ("OPTIONS", {"access_control_request_method": "GET"})]:
        answer = await ask(verb, SHAPE, origin=HERE, **headers)
        assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("origin", [HERE, "http://localhost:3000"])
async def test_a_listed_origin_may_call(listed, origin):
    answer = await listed("GET", SHAPE, origin=origin)
    assert answer.headers["access-control-allow-origin"] == origin
    assert "etag" in answer.headers["access-control-expose-headers"]
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        *(ELSEWHERE, "null", "", "https://app.test.evil.test", "https://evilapp.test"),
        *("http://app.test", "https://app.test:8443", "https://APP.test", "https://app.test/"),
    ],
)
async def test_another_origin_may_not(listed, origin):
    for verb, headers in [("GET", {}), ("OPTIONS", {"access_control_request_method": "GET"})]:
        answer = await listed(verb, SHAPE, origin=origin, **headers)
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert answer.headers["vary"] == "origin"


async def test_a_preflight_is_answered_to_anyone_of_a_listed_origin(pb, trial_database):
    nobody = AsgiClient(trial.wire(pb, trial_database, cors_origins=(HERE,)))
    for path, verbs in [
        (SHAPE, "GET, HEAD, OPTIONS, PATCH, PUT"),
        (f"/{trial.SERVICE}/Show", "OPTIONS, POST"),
    ]:
        answer = await nobody(
            "OPTIONS",
            path,
            origin=HERE,
            access_control_request_method="PUT",
            access_control_request_headers="authorization,if-match",
        )
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == HERE
        assert answer.headers["access-control-allow-methods"] == verbs
        allowed = answer.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "content-type", "if-match", "idempotency-key"} <= set(allowed)
        assert {"x-grpc-web", "grpc-timeout", "connect-protocol-version"} <= set(allowed)
        assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("content_type", [JSON, "application/grpc-web+proto"])
async def test_a_listed_origin_can_read_errors(listed, content_type):
    for path in (f"/{trial.SERVICE}/Show", f"/{trial.SERVICE}/Nothing"):
        answer = await listed("POST", path, b"nonsense", content_type=content_type, origin=HERE)
        assert answer.headers["access-control-allow-origin"] == HERE
        assert "grpc-status" in answer.headers["access-control-expose-headers"]
    answer = await listed("POST", path, content_length="2000000", origin=HERE)
    assert answer.status == 413
    assert answer.headers["access-control-allow-origin"] == HERE


async def test_what_is_public_may_be_read_from_anywhere(ask):
    answer = await ask("GET", "/trial/hello", origin=ELSEWHERE)
    assert answer.headers["access-control-allow-origin"] == ELSEWHERE


async def test_what_an_answer_varies_by_is_told_whole(ask, listed):
    answer = await ask("GET", "/trial/hello", origin=ELSEWHERE)
    assert answer.headers["vary"] == "accept-encoding, origin"
    answer = await listed("GET", "/trial/hello")
    assert answer.headers["vary"] == "accept-encoding, origin"
    answer = await ask("GET", "/trial/hello")
    assert answer.headers["vary"] == "accept-encoding"
