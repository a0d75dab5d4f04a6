"""How an answer gets back to the application: by its redirect_uri, or by a form that posts itself.

The two response modes that there are (OAuth 2.0 Multiple Response Type Encoding Practices, section
2.1, and OAuth 2.0 Form Post Response Mode). Pure functions; both doors answer by them.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tenantry.web import Response

if TYPE_CHECKING:
    from jinja2 import Environment

    from tenantry.identity.sign_in.model import Answer

QUERY, FORM_POST = "query", "form_post"
RESPONSE_MODES = (QUERY, FORM_POST)
SCRIPT = "/oauth/form_post.js"  # it posts the form; without it there is a button

# A code is in the address or the page: neither is kept, or told to anybody by Referer.
_REDIRECT = {"cache-control": "no-store", "pragma": "no-cache", "referrer-policy": "no-referrer"}
# No form-action, since browsers hold that against the redirects that follow a form as well.
_PAGE = _REDIRECT | {
    "x-frame-options": "DENY",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def response(answer: Answer, *, lang: str = "en", title: str = "", button: str = "") -> Response:
    """Return the response that takes a browser to the application with an answer.

    ``title`` and ``button`` are the words of the page that posts itself, in the language ``lang``.
    """
    if answer.response_mode == FORM_POST:
        found = Response.html(form_page(answer, lang=lang, title=title, button=button))
        found.headers |= _PAGE
    else:
        found = Response.redirect(location(answer))
        found.headers |= _REDIRECT
    return found


def location(answer: Answer) -> str:
    """Return the redirect_uri with the members of an answer in its query."""
    uri, query = answer.redirect_uri, urlencode(answer.members, quote_via=quote)
    mark = "&" if "?" in uri else "?"
    return f"{uri}{mark}{query}" if query else uri


def form_page(answer: Answer, *, lang: str = "en", title: str = "", button: str = "") -> str:
    """Return the page that posts the members of an answer to the redirect_uri."""
    return (
        _environment()
        .get_template("form_post.html")
        .render(
            answer=answer,
            script=SCRIPT,
            lang=lang,
            title=title or "Signing you in",
            button=button or "Continue",
        )
    )


@functools.cache
def script() -> bytes:
    """Return the script of that page."""
    return _environment().get_template("form_post.js").render().encode()


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader  # start time: many processes never need it

    return Environment(loader=PackageLoader("tenantry.identity.sign_in"), autoescape=True)
