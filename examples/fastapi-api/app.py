"""An API for your customers' machines. It takes their access tokens and their API keys."""

import functools
import os
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Annotated

from fastapi import Body, FastAPI, HTTPException, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from scalekit import ScalekitClient
from scalekit.common import exceptions as failures
from scalekit.common.scalekit import TokenValidationOptions

ISSUER = os.environ["SCALEKIT_ENVIRONMENT_URL"]
AUDIENCE = os.environ.get("API_AUDIENCE", "https://api.example.com")
CHECKS = TokenValidationOptions(issuer=ISSUER, audience=[AUDIENCE])
KEY_PREFIX = os.environ.get("API_KEY_PREFIX", "tnat_")
CREDENTIALS = os.environ["SCALEKIT_CLIENT_ID"], os.environ["SCALEKIT_CLIENT_SECRET"]
new_client = functools.partial(ScalekitClient, ISSUER, *CREDENTIALS)

app = FastAPI()
sdk, renewed, renewal = new_client(), -60.0, threading.Lock()
invoices: dict[str, list[int]] = defaultdict(list)  # by organization


@dataclass(frozen=True)
class Caller:
    organization_id: str
    scopes: frozenset[str]


def refused(status: int, error: str, **attributes: str) -> HTTPException:
    """RFC 6750 section 3: a request without credentials is told no error."""
    shown = {"realm": "invoices"} | ({"error": error} | attributes if error else {})
    challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in shown.items())
    return HTTPException(status, error or "unauthorized", {"WWW-Authenticate": challenge})


def of_access_token(token: str) -> Caller:
    global sdk, renewed
    try:
        try:
            claims = sdk.validate_access_token_and_get_claims(token, options=CHECKS)
        except KeyError:  # an unknown key: a client reads the keys once, so ask with a new one
            with renewal:
                if time.monotonic() - renewed >= 60:
                    sdk, renewed = new_client(), time.monotonic()
            claims = sdk.validate_access_token_and_get_claims(token, options=CHECKS)
        return Caller(claims["oid"], frozenset(claims.get("scopes", [])))
    except (KeyError, failures.ScalekitValidateTokenFailureException):
        raise refused(401, "invalid_token") from None  # without `oid` it is no customer's client


def of_api_key(key: str) -> Caller:
    if not key.startswith(KEY_PREFIX):  # the call would also take a key's id, which is no secret
        raise refused(401, "invalid_token")
    try:
        info = sdk.tokens.validate_token(key).token_info
    except failures.ScalekitValidateTokenFailureException as failure:
        if isinstance(failure.__cause__, failures.ScalekitUnauthorizedException):
            raise failure.__cause__ from None  # it is our own client that is refused
        raise refused(401, "invalid_token") from None
    return Caller(info.organization_id, frozenset(info.custom_claims.get("scope", "").split()))


def caller(request: Request, required: SecurityScopes) -> Caller:
    """The caller, if they may. Not `async`: FastAPI then runs it in a thread, as the SDK waits."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get("x-api-key", "")
    credentials = key or (bearer.strip() if scheme.lower() == "bearer" else "")
    if not credentials:
        raise refused(401, "")
    is_key = key or credentials.startswith(KEY_PREFIX)
    found = of_api_key(credentials) if is_key else of_access_token(credentials)
    if not found.scopes.issuperset(required.scopes):
        raise refused(403, "insufficient_scope", scope=required.scope_str)
    return found


@app.exception_handler(failures.ScalekitException)
async def unavailable(_request: Request, _failure: Exception) -> JSONResponse:
    return JSONResponse({"detail": "try again"}, 503, {"Retry-After": "1"})


@app.get("/invoices")
async def read(who: Annotated[Caller, Security(caller, scopes=["invoices:read"])]) -> dict:
    return {"organization_id": who.organization_id, "amounts": invoices[who.organization_id]}


@app.post("/invoices", status_code=201)
async def write(
    who: Annotated[Caller, Security(caller, scopes=["invoices:write"])],
    amount: Annotated[int, Body(embed=True)],
) -> None:
    invoices[who.organization_id].append(amount)
