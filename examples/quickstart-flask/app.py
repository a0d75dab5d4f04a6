"""An application that people sign in to, with sessions kept by the SDK's middleware."""

import os
from html import escape

from flask import Flask, abort, redirect
from scalekit.common.scalekit import AuthorizationUrlOptions
from scalekit.frameworks.flask import ScalekitAuth
from scalekit.middleware.csrf_state import STATE_COOKIE_NAME, generate_state
from werkzeug.wrappers import Response

APP_URL = os.environ.get("APP_URL", "http://localhost:8000")
SECURE = APP_URL.startswith("https:")  # a browser drops such a cookie at http://localhost
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


def page(content: str) -> str:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Quickstart</title>'
    return head + content


@app.get("/")
def home() -> str:
    """Show everybody something, whether they are signed in or not."""
    if auth.get_session() is None:
        return page('<a href="/login">Sign in</a>')
    return page('<a href="/account">Your account</a> <a href="/logout">Sign out</a>')


@app.get("/account")
@auth.requires_auth  # others sign in first, and come back here
def account() -> str:
    """Show who it is, and in which organization: the cookie knows their ids and roles."""
    claims = auth.current_user
    found = auth.client.organization.get_organization(claims["oid"])[0].organization
    user = auth.client.users.get_user(claims["sub"])[0].user
    return page(
        f"<h1>{escape(found.display_name)}</h1><p>{escape(user.email)}</p>"
        f"<p>{escape(', '.join(claims.get('roles', [])))}</p>"
        '<p><a href="/invoices">Invoices</a> <a href="/switch">Switch organization</a> '
        f'<a href="{escape(TENANTRY)}/ui">Settings</a> <a href="/logout">Sign out</a></p>'
    )


@app.get("/invoices")
@auth.requires_auth
def invoices() -> str:
    """Show a page that needs a permission of this product."""
    if not may("invoices:read"):
        abort(403)
    return page("<h1>Invoices</h1>")


def may(permission: str) -> bool:
    """Whether the person's roles give them this permission in their organization."""
    claims = auth.current_user
    if claims.get("permissions_omitted"):  # there are too many of them for a token
        found = auth.client.users.list_user_permissions(claims["oid"], claims["sub"])[0]
        return permission in {one.name for one in found.permissions}
    return permission in claims.get("permissions", [])


@app.get("/switch")
def switch() -> Response:
    """Begin a sign-in that asks for the organization; /callback ends it like any other."""
    options = AuthorizationUrlOptions()
    options.scopes = ["openid", "profile", "email", "offline_access"]
    options.state, options.prompt = generate_state(), "select_account"
    response = redirect(auth.client.get_authorization_url(auth.redirect_uri, options))
    response.set_cookie(
        STATE_COOKIE_NAME, options.state, max_age=600, httponly=True, samesite="Lax", secure=SECURE
    )
    return response


@app.after_request
def keep_nowhere(response: Response) -> Response:
    """Let no browser keep a page, and show it by Back after a sign-out."""
    response.headers["Cache-Control"] = "no-store"
    return response
