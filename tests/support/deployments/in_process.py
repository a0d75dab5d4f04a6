"""Requests to an ASGI application without a server around it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """The messages of the application, as it sent them."""

    status: int = 0
    pairs: list[tuple[str, str]] = field(default_factory=list)  # all headers, as they were sent
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The one detail of an error in our shape, with everything around it checked."""
        body = self.json
        assert body.keys() == {"code", "message", "details"}
        (detail,) = body["details"]
        assert detail["@type"] == "type.googleapis.com/scalekit.v1.errdetails.ErrorInfo"
        assert detail["request_info"]["request_id"] == self.headers["x-request-id"]
        assert detail["error_code"]
        assert self.headers["content-type"] == "application/json"
        return {"status": self.status, **body, **detail}

    @property
    def violations(self) -> dict[str, str]:
        """The broken field rules: field and constraint."""
        assert self.status == 400, self.body
        found = self.error.get("validation_error_info", {}).get("field_violations", [])
        return {one["field"]: one["constraint"] for one in found}


class AsgiClient:
    """An application and its caller, from which address."""

    def __init__(self, app: Any, *, peer: str = "127.0.0.1", **headers: str) -> None:
        self.app = app
        self.peer = peer
        self.headers = headers

    async def __call__(
        self,
        verb: str,
        target: str,
        body: Any = None,
        *,
        chunks: list[bytes] | None = None,
        gone: bool = False,
        **headers: str | list[str],
    ) -> Answer:
        """Send a request and return the answer; `_` in a header's name stands for `-`.

        A header whose value is a list is sent once for each.

        The body is bytes, or anything else as JSON; ``chunks`` come one by one instead, and the
        client is ``gone`` after the last.
        """
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers = {"content_type": "application/json", **headers}
        pieces = chunks if chunks is not None else [body or b""]
        path, _, query = target.encode().partition(b"?")
        pairs = [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, given in {**self.headers, **headers}.items()
            for value in (given if isinstance(given, list) else [given])
        ]
        scope = {
            "type": "http",
            "http_version": "2",
            "method": verb,
            "scheme": "https",
            "path": path.decode(),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": pairs,
            "client": (self.peer, 1),
            "extensions": {"http.response.trailers": {}},
        }
        waiting = [
            {
                "type": "http.request",
                "body": piece,
                "more_body": gone or number < len(pieces) - 1,
            }
            for number, piece in enumerate(pieces)
        ]

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        answer = Answer()

        async def send(event: dict[str, Any]) -> None:
            pairs = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in event.get("headers", ())
            ]
            match event["type"]:
                case "http.response.start":
                    assert not answer.status, "a second answer to one request"
                    answer.status, answer.pairs = event["status"], pairs
                case "http.response.body":
                    answer.body += event.get("body", b"")
                case "http.response.trailers":
                    answer.trailers |= dict(pairs)

        await self.app(scope, receive, send)
        return answer
