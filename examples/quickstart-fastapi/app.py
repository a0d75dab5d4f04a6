"""An application that people sign in to, each within an organization."""

import os
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from html import escape

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from scalekit import ScalekitClient
from scalekit.common.exceptions import ScalekitServerException
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
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Quickstart</title>'
    return HTMLResponse(head + content, status, {"Cache-Control": "no-store"})


@app.get("/")
def home(request: Request) -> HTMLResponse:  # not `async`: the SDK waits for the network
    session = sessions.get(request.cookies.get("session", ""))
    if session is None:
        return page('<a href="/login">Sign in</a>')
    found = sdk.organization.get_organization(session["organization_id"])[0].organization
    return page(
        f"<h1>{escape(found.display_name)}</h1><p>{escape(session['user']['email'])}</p>"
        f"<p>Refreshed {session['refreshes']} times.</p>"
        '<form method="post" action="/refresh"><button>Refresh</button></form>'
        '<form method="post" action="/logout"><button>Sign out</button></form>'
        '<a href="/login?prompt=select_account">Switch organization</a>'
    )


@app.get("/login")
def login(prompt: str = "") -> RedirectResponse:
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    options = AuthorizationUrlOptions()
    options.scopes = ["openid", "profile", "email", "offline_access"]
    options.state, options.prompt = state, prompt
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
        return page('This sign-in did not begin here. <a href="/login">Sign in</a>', 400)
    if not code:
        why = escape(request.query_params.get("error_description", ""))
        return page(f'{why} <a href="/login">Sign in</a>', 403)
    options = CodeAuthenticationOptions()
    options.code_verifier = verifier
    result = sdk.authenticate_with_code(code, f"{APP_URL}/callback", options)
    sessions.pop(request.cookies.get("session", ""), None)
    key = secrets.token_urlsafe(32)  # another one with each sign-in
    sessions[key] = {**result, "refreshes": 0}
    response = RedirectResponse("/", 303)
    response.set_cookie("session", key, **COOKIE)
    response.delete_cookie("sign_in")
    return response


@app.post("/refresh")
def refresh(request: Request) -> RedirectResponse:
    if session := sessions.get(key := request.cookies.get("session", "")):
        try:
            tokens = sdk.refresh_access_token(session["refresh_token"])  # both tokens are new
            session |= {**tokens, "refreshes": session["refreshes"] + 1}
        except ScalekitServerException:  # the session has ended: there, so here as well
            sessions.pop(key, None)
    return RedirectResponse("/", 303)


@app.post("/logout")
def logout(request: Request) -> RedirectResponse:
    session = sessions.pop(request.cookies.get("session", ""), {})
    options = LogoutUrlOptions(session.get("id_token"), f"{APP_URL}/")
    return RedirectResponse(sdk.get_logout_url(options), 303)
