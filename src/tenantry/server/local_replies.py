"""The responses that Envoy gives itself, before the application sees a request, in our format."""

from __future__ import annotations

import html
import json
from typing import Any

from tenantry.core.errors import Code
from tenantry.net import http as web

HEADERS_KB = 32
_ACCESS_LOGGERS = "type.googleapis.com/envoy.extensions.access_loggers"

# Answers of Envoy itself, before the application sees the request.
# For browsers, in the place of JSON; `%` would be a command of Envoy's.
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><title>Tenantry</title>'
    '<link rel="stylesheet" href="/home.css">'
    '<main><h1>This did not work</h1><p>{}.</p><p><a href="/">To the first page</a></p></main>'
)
_LOCAL_REPLIES = {
    429: (Code.RESOURCE_EXHAUSTED, "too many requests of your network are in progress"),
    400: (Code.INVALID_ARGUMENT, "the request is not valid HTTP"),
    403: (Code.INVALID_ARGUMENT, "the path is not percent-encoded UTF-8"),
    408: (Code.DEADLINE_EXCEEDED, "the request did not arrive in time"),
    413: (Code.RESOURCE_EXHAUSTED, "the body is too large"),
    431: (
        Code.RESOURCE_EXHAUSTED,
        f"the headers are over {HEADERS_KB} KiB together, or more than 100",
    ),
    501: (Code.UNIMPLEMENTED, "this transfer encoding is not supported"),
    503: (Code.UNAVAILABLE, "the server cannot answer now, try again"),
    504: (Code.DEADLINE_EXCEEDED, "the answer did not come in time"),
}


def mappers(public_url: str) -> list[dict[str, Any]]:
    """Return the shape of Envoy's own answers; those to gRPC keep their trailers and text."""
    not_grpc = {
        "header_filter": {
            "header": {
                "name": "content-type",
                "string_match": {"prefix": "application/grpc"},
                "invert_match": True,
                "treat_missing_header_as_empty": True,
            }
        }
    }
    in_a_browser = _has("accept", {"contains": "text/html"})
    found = []
    for status, (code, sentence) in _LOCAL_REPLIES.items():
        this = {"status_code_filter": {"comparison": _comparison("EQ", status)}}
        found += [
            _mapper(_all(this, not_grpc, in_a_browser), code, sentence, page=True),
            _mapper(_all(this, not_grpc), code, sentence),
        ]
    other = (Code.INTERNAL, "internal error")
    found += [
        _mapper(_all(not_grpc, in_a_browser), *other, page=True),
        _mapper(not_grpc, *other),
    ]
    for mapper in found:
        for name, value in web.strict_transport(public_url).items():
            mapper["headers_to_add"].append({"header": {"key": name, "value": value}})
    return found


def access_log() -> dict[str, Any]:
    """Return the log of answers that the application has not given, by the ids that they have."""
    line = {
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3f+00:00)%",
        "level": "info",
        "message": "refused before the application",
        "status": "%RESPONSE_CODE%",
        "ms": "%DURATION%",
        "problem": "%RESPONSE_CODE_DETAILS%",
        "request_id": "%RESP(X-REQUEST-ID)%",
    }
    # Answers of the application have no details, unless the client went away before their end.
    # Refusals by `admission` are counted: a line of each would itself be a flood.
    expression = (
        '!(response.code_details in ["", "downstream_remote_disconnect", "lua_response"]) '
        '&& "x-request-id" in response.headers'
    )
    its_own = {
        "extension_filter": {
            "name": "answered",
            "typed_config": {
                "@type": f"{_ACCESS_LOGGERS}.filters.cel.v3.ExpressionFilter",
                "expression": expression,
            },
        }
    }
    # The expression is costly, so the status is compared first.
    failed = {"status_code_filter": {"comparison": _comparison("GE", 400)}}
    return {
        "name": "stderr",
        "filter": _all(failed, its_own),
        "typed_config": {
            "@type": f"{_ACCESS_LOGGERS}.stream.v3.StderrAccessLog",
            "log_format": {"json_format": line},
        },
    }


def _comparison(operator: str, value: int) -> dict[str, Any]:
    return {"op": operator, "value": {"default_value": value, "runtime_key": "none"}}


def _has(header: str, match: dict[str, Any]) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": header, "string_match": match}}}


def _all(*filters: dict[str, Any]) -> dict[str, Any]:
    return {"and_filter": {"filters": list(filters)}}


def _mapper(
    filter_: dict[str, Any], code: Code, sentence: str, *, page: bool = False
) -> dict[str, Any]:
    if page:
        body, kind = _PAGE.format(html.escape(sentence)), "text/html; charset=utf-8"
    else:
        body = json.dumps({"code": code.value, "message": sentence, "details": []})
        kind = "application/json"
    headers = [("x-request-id", "req_%UNIQUE_ID%")]
    if code is Code.UNAVAILABLE:
        headers.append(("retry-after", "1"))
    return {
        "filter": filter_,
        **({"status_code": 400} if code is Code.INVALID_ARGUMENT else {}),
        "body_format_override": {
            "text_format_source": {"inline_string": body},
            "content_type": kind,
        },
        "headers_to_add": [{"header": {"key": name, "value": value}} for name, value in headers],
    }
