"""The one error of SCIM (RFC 7644 section 3.12)."""

from __future__ import annotations

from typing import Any

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_MOST_SHOWN = 100  # characters of a sent text


class Fault(Exception):
    """A request is refused: an HTTP status, a word of table 9 or "", and a sentence."""

    def __init__(self, status: int, scim_type: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type
        self.detail = detail

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"schemas": [ERROR], "status": str(self.status)}
        if self.scim_type:
            body["scimType"] = self.scim_type
        body["detail"] = self.detail
        return body


def quotable(given: object) -> str:
    """Return a sent text as a sentence may repeat it: short, and in ASCII."""
    text = given if isinstance(given, str) else str(type(given).__name__)
    text = text[:_MOST_SHOWN] + "…" if len(text) > _MOST_SHOWN else text
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
