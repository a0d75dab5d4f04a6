"""An application with sign-in, organizations and roles. The SDK's middleware keeps sessions."""

import os

from flask import Flask, abort, redirect, render_template, request
from scalekit.common.scalekit import AuthorizationUrlOptions
from scalekit.frameworks.flask import ScalekitAuth
from scalekit.middleware.csrf_state import STATE_COOKIE_NAME, generate_state
from werkzeug.wrappers import Response

ACTIVE = 1  # MembershipStatus.ACTIVE
APP_URL = os.environ.get("APP_URL", "http://localhost:8000")
SECURE = APP_URL.startswith("https:")  # browsers drop secure cookies over http
TENANTRY = os.environ["SCALEKIT_ENVIRONMENT_URL"]

app = Flask(__name__)
auth = ScalekitAuth(  # it serves /login, /callback and /logout
    app,
    env_url=TENANTRY,
    client_id=os.environ["SCALEKIT_CLIENT_ID"],
    client_secret=os.environ["SCALEKIT_CLIENT_SECRET"],
    redirect_uri=f"{APP_URL}/callback",
    post_login_redirect="/account",
    post_logout_redirect_uri=f"{APP_URL}/",
    cookie_encryption_secret=os.environ["SESSION_SECRET"],  # the same in every process
    cookie_secure=SECURE,
)


@app.get("/")
def home() -> str:
    """Show the start page."""
    return render_template("home.html", claims=auth.get_session())


@app.get("/account")
@auth.requires_auth  # starts a sign-in if there is no session, and returns here
def account() -> str:
    """Show the user, the organizations and the claims of the access token."""
    claims = auth.current_user
    user = auth.client.users.get_user(claims["sub"])[0].user
    active = [each for each in user.memberships if each.membership_status == ACTIVE]
    names = {each.organization_id: each.display_name for each in active}
    return render_template(
        "account.html",
        user=user,
        memberships=active,
        organization=names.get(claims["oid"], ""),
        claims=claims,
        tenantry=TENANTRY,
    )


@app.get("/invoices")
@auth.requires_auth
def invoices() -> str:
    """Show a page that requires a permission."""
    if not may("invoices:read"):
        abort(403)
    return render_template("invoices.html")


def may(permission: str) -> bool:
    """Return whether the user's roles in the current organization grant a permission."""
    claims = auth.current_user
    if claims.get("permissions_omitted"):  # too many for a token
        found = auth.client.users.list_user_permissions(claims["oid"], claims["sub"])[0]
        return permission in {each.name for each in found.permissions}
    return permission in claims.get("permissions", [])


@app.get("/switch")
def switch() -> Response:
    """Start a sign-in to the given organization, or to one that the user selects."""
    options = AuthorizationUrlOptions()
    options.scopes = ["openid", "profile", "email", "offline_access"]
    options.state, options.organization_id = generate_state(), request.args.get("organization_id")
    options.prompt = None if options.organization_id else "select_account"
    response = redirect(auth.client.get_authorization_url(auth.redirect_uri, options))
    response.set_cookie(
        STATE_COOKIE_NAME, options.state, max_age=600, httponly=True, samesite="Lax", secure=SECURE
    )
    return response


@app.after_request
def prevent_caching(response: Response) -> Response:
    """Keep browsers from showing a page with Back after a sign-out."""
    response.headers["Cache-Control"] = "no-store"
    return response
