"""Pages that people sign in to see, with sessions kept by the SDK's middleware."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from scalekit.common.scalekit import AuthorizationUrlOptions
from scalekit.frameworks.django import get_config, login_required
from scalekit.middleware.csrf_state import STATE_COOKIE_NAME, generate_state


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Show everybody something: `scalekit_user` is None where nobody is signed in."""
    return render(request, "home.html", {"person": request.scalekit_user})


@never_cache
@login_required  # others sign in first, and come back here
def account(request: HttpRequest) -> HttpResponse:
    """Show who it is, and in which organization: the cookie knows their ids and roles."""
    claims, sdk = request.scalekit_user, get_config().client
    found = {
        "organization": sdk.organization.get_organization(claims["oid"])[0].organization,
        "user": sdk.users.get_user(claims["sub"])[0].user,
        "roles": claims.get("roles", []),
        "tenantry": settings.SCALEKIT_ENV_URL,
    }
    return render(request, "account.html", found)


@never_cache
@login_required
def invoices(request: HttpRequest) -> HttpResponse:
    """Show a page that needs a permission of this product."""
    if not may(request, "invoices:read"):
        raise PermissionDenied
    return render(request, "invoices.html")


def may(request: HttpRequest, permission: str) -> bool:
    """Whether the person's roles give them this permission in their organization."""
    claims = request.scalekit_user
    if claims.get("permissions_omitted"):  # there are too many of them for a token
        users = get_config().client.users
        found = users.list_user_permissions(claims["oid"], claims["sub"])[0]
        return permission in {one.name for one in found.permissions}
    return permission in claims.get("permissions", [])


@never_cache
def switch(_request: HttpRequest) -> HttpResponse:
    """Begin a sign-in that asks for the organization; /callback ends it like any other."""
    config, options = get_config(), AuthorizationUrlOptions()
    options.scopes = ["openid", "profile", "email", "offline_access"]
    options.state, options.prompt = generate_state(), "select_account"
    response = HttpResponseRedirect(
        config.client.get_authorization_url(config.redirect_uri, options)
    )
    response.set_cookie(
        STATE_COOKIE_NAME,
        options.state,
        max_age=600,
        httponly=True,
        samesite="Lax",
        secure=config.cookie_secure,
    )
    return response
