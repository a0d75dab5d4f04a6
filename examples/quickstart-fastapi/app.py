"""An application with sign-in, organizations and roles."""

import os
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from scalekit import ScalekitClient
from scalekit.common.exceptions import ScalekitServerException
from scalekit.common.scalekit import (
    AuthorizationUrlOptions,
    CodeAuthenticationOptions,
    LogoutUrlOptions,
    TokenValidationOptions,
)

HERE = Path(__file__).parent
ACTIVE = 1  # MembershipStatus.ACTIVE
APP_URL = os.environ.get("APP_URL", "http://localhost:8000")
COOKIE = {"httponly": True, "samesite": "lax", "secure": APP_URL.startswith("https:")}
sdk = ScalekitClient(
    os.environ["SCALEKIT_ENVIRONMENT_URL"],
    os.environ["SCALEKIT_CLIENT_ID"],
    os.environ["SCALEKIT_CLIENT_SECRET"],
)
app = FastAPI()
app.mount("/static", StaticFiles(directory=HERE / "static"))
templates = Jinja2Templates(HERE / "templates")
sessions: dict[str, dict] = {}  # by the cookie `session`; store yours in a database


def page(request: Request, name: str, status: int = 200, **values: object) -> HTMLResponse:
    headers = {"Cache-Control": "no-store"}
    return templates.TemplateResponse(request, name, values, status, headers)


def claims_of(token: str) -> dict:
    options = TokenValidationOptions(audience=[os.environ["SCALEKIT_CLIENT_ID"]])
    return sdk.validate_access_token_and_get_claims(token, options)


@app.get("/")
def home(request: Request) -> HTMLResponse:  # not `async`: the SDK blocks on the network
    session = sessions.get(request.cookies.get("session", ""))
    if session is None:
        return page(request, "welcome.html")
    user = sdk.users.get_user(session["claims"]["sub"])[0].user
    active = [each for each in user.memberships if each.membership_status == ACTIVE]
    names = {each.organization_id: each.display_name for each in active}
    return page(
        request,
        "home.html",
        email=user.email,
        profile=user.user_profile,
        memberships=active,
        organization=names.get(session["claims"]["oid"], ""),
        claims=session["claims"],
        refreshes=session["refreshes"],
    )


@app.get("/login")
def login(prompt: str = "", organization_id: str = "", login_hint: str = "") -> RedirectResponse:
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    options = AuthorizationUrlOptions()
    options.scopes = ["openid", "profile", "email", "offline_access"]
    options.state, options.prompt = state, prompt
    options.organization_id, options.login_hint = organization_id, login_hint
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
        message = "This sign-in was not started in this browser."
        return page(request, "welcome.html", 400, message=message)
    if not code:
        message = request.query_params.get("error_description")
        return page(request, "welcome.html", 403, message=message)
    options = CodeAuthenticationOptions()
    options.code_verifier = verifier
    result = sdk.authenticate_with_code(code, f"{APP_URL}/callback", options)
    sessions.pop(request.cookies.get("session", ""), None)
    key = secrets.token_urlsafe(32)  # a new one for each sign-in
    sessions[key] = {**result, "claims": claims_of(result["access_token"]), "refreshes": 0}
    response = RedirectResponse("/", 303)
    response.set_cookie("session", key, **COOKIE)
    response.delete_cookie("sign_in")
    return response


@app.post("/refresh")
def refresh(request: Request) -> RedirectResponse:
    if session := sessions.get(key := request.cookies.get("session", "")):
        try:
            tokens = sdk.refresh_access_token(session["refresh_token"])  # both tokens are new
            claims = claims_of(tokens["access_token"])
            session |= {**tokens, "claims": claims, "refreshes": session["refreshes"] + 1}
        except ScalekitServerException:  # the session has ended at Tenantry
            sessions.pop(key, None)
    return RedirectResponse("/", 303)


@app.post("/logout")
def logout(request: Request) -> RedirectResponse:
    session = sessions.pop(request.cookies.get("session", ""), {})
    options = LogoutUrlOptions(session.get("id_token"), f"{APP_URL}/")
    return RedirectResponse(sdk.get_logout_url(options), 303)
