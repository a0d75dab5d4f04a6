"""FastAPI with the SDK's session middleware, as its documentation shows it."""

import json
import os
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from scalekit.frameworks.fastapi import ScalekitAuth

app = FastAPI()
auth = ScalekitAuth(
    env_url=os.environ["SCALEKIT_ENVIRONMENT_URL"],
    client_id=os.environ["SCALEKIT_CLIENT_ID"],
    client_secret=os.environ["SCALEKIT_CLIENT_SECRET"],
    redirect_uri=f"{os.environ['APP_URL']}/callback",
    cookie_encryption_secret="a secret of thirty-two characters",
    cookie_secure=False,
)
auth.install(app)


@app.get("/")
def home(request: Request) -> HTMLResponse:
    """A signed-in person may sign out, others may sign in."""
    signed_in = auth.get_session(request) is not None
    link = '<a href="/logout">Sign out</a>' if signed_in else '<a href="/login">Sign in</a>'
    return HTMLResponse(link)


@app.get("/account")
async def account(user: Annotated[dict, Depends(auth.requires_auth)]) -> dict:
    """Show what the middleware knows of the person."""
    return {"user": json.dumps(user)}


uvicorn.run(app, port=int(os.environ["PORT"]))
