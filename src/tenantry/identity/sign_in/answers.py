"""Answers to the application, and how they are addressed. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tenantry.access.resources import issuers
from tenantry.identity.sign_in.model import AuthorizationResponse

if TYPE_CHECKING:
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest, Params

QUERY, FORM_POST = "query", "form_post"
RESPONSE_MODES = (QUERY, FORM_POST)


def of(dependencies: SignInDependencies, params: Params, **members: str) -> AuthorizationResponse:
    """Return an answer, which names its issuer (RFC 9207)."""
    if params.state is not None:
        members["state"] = params.state
    issuer = dependencies.settings.public_url
    if params.resource_id is not None:
        issuer = issuers.issuer_of(issuer, params.resource_id)
    members["iss"] = issuer
    return AuthorizationResponse(params.redirect_uri, params.response_mode, members)


def of_error(
    dependencies: SignInDependencies, params: Params, error: str, description: str
) -> AuthorizationResponse:
    """Return an error as an answer (RFC 6749 section 4.1.2.1)."""
    return of(dependencies, params, error=error, error_description=description)


def of_failed(dependencies: SignInDependencies, request: AuthRequest) -> AuthorizationResponse:
    """Return the answer of a request that has failed."""
    error = request.error
    assert error is not None
    return of_error(dependencies, request.params, error["error"], error["error_description"])


def location(answer: AuthorizationResponse) -> str:
    """Return the redirect_uri with the members of an answer in its query."""
    uri, query = answer.redirect_uri, urlencode(answer.members, quote_via=quote)
    mark = "&" if "?" in uri else "?"
    return f"{uri}{mark}{query}" if query else uri
