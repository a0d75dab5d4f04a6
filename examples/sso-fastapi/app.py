"""An application whose customers sign in with their own identity providers."""

import os
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from html import escape

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from scalekit import ScalekitClient
from scalekit.common.scalekit import (
    AuthorizationUrlOptions,
    CodeAuthenticationOptions,
    LogoutUrlOptions,
)

APP_URL = os.environ.get("APP_URL", "http://localhost:8000")
COOKIE = {"httponly": True, "samesite": "lax", "secure": APP_URL.startswith("https:")}
sdk = ScalekitClient(
    os.environ["SCALEKIT_ENVIRONMENT_URL"],
    os.environ["SCALEKIT_CLIENT_ID"],
    os.environ["SCALEKIT_CLIENT_SECRET"],
)
app = FastAPI()
sessions: dict[str, dict] = {}  # by the cookie `session`; yours belong into a database


def page(content: str, status: int = 200) -> HTMLResponse:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Single sign-on</title>'
    return HTMLResponse(head + content, status, {"Cache-Control": "no-store"})


@app.get("/")
def home(request: Request) -> HTMLResponse:  # not `async`: the SDK waits for the network
    session = sessions.get(request.cookies.get("session", ""))
    if session is None:
        return page(
            '<form action="/login"><label>Email address <input type="email" name="email" required>'
            "</label><button>Continue</button></form>"
        )
    found = sdk.organization.get_organization(session["organization_id"])[0].organization
    user = session["user"]
    return page(
        f"<h1>{escape(found.display_name)}</h1>"
        f"<p>{escape(user.get('name') or '')} {escape(user['email'])}</p>"
        '<form method="post" action="/logout"><button>Sign out</button></form>'
    )


@app.get("/login")
def login(email: str = "") -> RedirectResponse:
    """Send the person on: Tenantry knows whether the domain of the address has a connection."""
    options = AuthorizationUrlOptions()
    options.login_hint = email
    domain = email.rpartition("@")[2]
    if domain and sdk.connection.list_connections_by_domain(domain)[0].connections:
        options.domain_hint = domain  # to the identity provider, without a page in between
    return begin(options)


@app.get("/begin")
def begin_from_provider(idp_initiated_login: str = "", error_description: str = "") -> Response:
    """Take over a sign-in that began at the identity provider, with a request of our own."""
    if not idp_initiated_login:
        return page(escape(error_description) or "Nothing to begin with.", 403)
    claims = sdk.get_idp_initiated_login_claims(idp_initiated_login)  # verifies the signature
    options = AuthorizationUrlOptions()
    options.connection_id = claims["connection_id"]
    options.login_hint = claims["login_hint"]
    return begin(options)


def begin(options: AuthorizationUrlOptions) -> RedirectResponse:
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    options.scopes = ["openid", "profile", "email", "offline_access"]
    options.state = state
    url = sdk.get_authorization_url(f"{APP_URL}/callback", options)
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    url += f"&code_challenge={challenge}&code_challenge_method=S256"  # the SDK has no option for it
    response = RedirectResponse(url, 303)
    response.set_cookie("sign_in", f"{state}.{verifier}", max_age=3600, **COOKIE)
    return response


@app.get("/callback")
def callback(request: Request, state: str = "", code: str = "") -> Response:
    expected, _, verifier = request.cookies.get("sign_in", "").partition(".")
    if not expected or not secrets.compare_digest(expected.encode(), state.encode()):
        return page('This sign-in did not begin here. <a href="/">Sign in</a>', 400)
    if not code:  # the codes are explained in docs/sign-in-errors.md
        error = escape(request.query_params.get("error", ""))
        why = escape(request.query_params.get("error_description", ""))
        return page(f'<p>{error}: {why}</p><a href="/">Sign in</a>', 403)
    options = CodeAuthenticationOptions()
    options.code_verifier = verifier
    result = sdk.authenticate_with_code(code, f"{APP_URL}/callback", options)
    sessions.pop(request.cookies.get("session", ""), None)
    key = secrets.token_urlsafe(32)  # another one with each sign-in
    sessions[key] = dict(result)
    response = RedirectResponse("/", 303)
    response.set_cookie("session", key, **COOKIE)
    response.delete_cookie("sign_in")
    return response


@app.post("/logout")
def logout(request: Request) -> RedirectResponse:
    session = sessions.pop(request.cookies.get("session", ""), {})
    options = LogoutUrlOptions(session.get("id_token"), f"{APP_URL}/")
    return RedirectResponse(sdk.get_logout_url(options), 303)
