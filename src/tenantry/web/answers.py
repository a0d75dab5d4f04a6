"""Taking a browser to the application with an answer: a redirect, or a page that posts itself.

The two response modes that there are (OAuth 2.0 Multiple Response Type Encoding Practices, section
2.1, and OAuth 2.0 Form Post Response Mode).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.sign_in.answers import FORM_POST, location
from tenantry.net.http import Response
from tenantry.web import words
from tenantry.web.assets import Asset
from tenantry.web.rendering import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.identity.sign_in.model import AuthorizationResponse

# It posts the form; without it there is a button.
SCRIPT = Asset.of_files("/oauth/form_post.js", "web/static/form_post.js", cache="max-age=3600")

# A code is in the address or the page: neither is kept, or told to anybody by Referer.
_REDIRECT = {"cache-control": "no-store", "pragma": "no-cache", "referrer-policy": "no-referrer"}
# No form-action, since browsers hold that against the redirects that follow a form as well.
_PAGE = _REDIRECT | {
    "x-frame-options": "DENY",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def response(answer: AuthorizationResponse, accepted: str, wanted: Sequence[str] = ()) -> Response:
    """Return the response that takes a browser to the application with an answer.

    ``accepted`` and ``wanted`` say the language of the page that posts itself (`words.choose`).
    """
    if answer.response_mode == FORM_POST:
        values = {"answer": answer, "script": SCRIPT, "t": words.choose("", accepted, wanted)}
        return page("form_post.html", values, headers=_PAGE)
    found = Response.redirect(location(answer))
    found.headers |= _REDIRECT
    return found
