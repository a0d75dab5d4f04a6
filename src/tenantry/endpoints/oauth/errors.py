"""The errors that the OAuth endpoints answer (RFC 6749 section 5.2)."""

from __future__ import annotations

import re

from tenantry.core import errors
from tenantry.net.http import Response

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}  # RFC 6749 section 5.1
_NOT_TEXT = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")  # of a description, section 5.2
_CHALLENGE = 'Basic realm="oauth"'


class OAuthError(Exception):
    """One of them; the description is for a developer and holds no secret."""

    # Our Errors that these endpoints answer in their own form.
    TRANSLATED = (errors.InvalidArgument, errors.UnsupportedMediaType, errors.RateLimited)

    def __init__(
        self, error: str, description: str, *, status: int = 400, basic: bool = False
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.basic = basic  # the client tried to authenticate by Basic
        self.headers: dict[str, str] = {}

    @classmethod
    def invalid_client(cls, description: str, *, basic: bool = False) -> OAuthError:
        """Return the error of a client that did not prove who it is."""
        return cls("invalid_client", description, status=401, basic=basic)

    @classmethod
    def of(cls, problem: errors.Error) -> OAuthError:
        """Return a Tenantry error as one of these."""
        if isinstance(problem, errors.RateLimited):
            found = cls("temporarily_unavailable", problem.message, status=problem.status)
        else:
            found = cls("invalid_request", problem.message)
        found.headers = problem.headers
        return found

    def response(self) -> Response:
        """Return the answer."""
        response = Response.json(
            {"error": self.error, "error_description": plain(self.description)}, self.status
        )
        response.error = self.error
        response.headers |= NO_STORE | self.headers
        if self.status == 401 and self.basic:
            response.headers["www-authenticate"] = _CHALLENGE
        return response


def plain(description: str) -> str:
    """Return a description without the characters that none may have (RFC 6749 section 5.2)."""
    return _NOT_TEXT.sub("?", description)
