"""Pages that require a sign-in. The SDK's middleware keeps the sessions."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from scalekit.common.scalekit import AuthorizationUrlOptions
from scalekit.frameworks.django import get_config, login_required
from scalekit.middleware.csrf_state import STATE_COOKIE_NAME, generate_state

ACTIVE = 1  # MembershipStatus.ACTIVE


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Show the start page. `scalekit_user` is None without a session."""
    return render(request, "home.html", {"claims": request.scalekit_user})


@never_cache
@login_required  # starts a sign-in if there is no session, and returns here
def account(request: HttpRequest) -> HttpResponse:
    """Show the user, the organizations and the claims of the access token."""
    claims = request.scalekit_user
    user = get_config().client.users.get_user(claims["sub"])[0].user
    active = [each for each in user.memberships if each.membership_status == ACTIVE]
    names = {each.organization_id: each.display_name for each in active}
    lists = {name: ", ".join(value) for name, value in claims.items() if isinstance(value, list)}
    found = {
        "user": user,
        "memberships": active,
        "organization": names.get(claims["oid"], ""),
        "claims": claims,
        "shown_claims": {**claims, **lists},
        "tenantry": settings.SCALEKIT_ENV_URL,
    }
    return render(request, "account.html", found)


@never_cache
@login_required
def invoices(request: HttpRequest) -> HttpResponse:
    """Show a page that requires a permission."""
    if not may(request, "invoices:read"):
        raise PermissionDenied
    return render(request, "invoices.html")


def may(request: HttpRequest, permission: str) -> bool:
    """Return whether the user's roles in the current organization grant a permission."""
    claims = request.scalekit_user
    if claims.get("permissions_omitted"):  # too many for a token
        users = get_config().client.users
        found = users.list_user_permissions(claims["oid"], claims["sub"])[0]
        return permission in {each.name for each in found.permissions}
    return permission in claims.get("permissions", [])


@never_cache
def switch(request: HttpRequest) -> HttpResponse:
    """Start a sign-in to the given organization, or to one that the user selects."""
    config, options = get_config(), AuthorizationUrlOptions()
    options.scopes = ["openid", "profile", "email", "offline_access"]
    options.state, options.organization_id = generate_state(), request.GET.get("organization_id")
    options.prompt = None if options.organization_id else "select_account"
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
