"""Flask with the SDK's session middleware, as its documentation shows it."""

import json
import os

from flask import Flask
from scalekit.frameworks.flask import ScalekitAuth

app = Flask(__name__)
auth = ScalekitAuth(
    app,
    env_url=os.environ["SCALEKIT_ENVIRONMENT_URL"],
    client_id=os.environ["SCALEKIT_CLIENT_ID"],
    client_secret=os.environ["SCALEKIT_CLIENT_SECRET"],
    redirect_uri=f"{os.environ['APP_URL']}/callback",
    cookie_encryption_secret="a secret of thirty-two characters",
    cookie_secure=False,
)


@app.route("/")
def home() -> str:
    """A signed-in person may sign out, others may sign in."""
    signed_in = auth.get_session() is not None
    return '<a href="/logout">Sign out</a>' if signed_in else '<a href="/login">Sign in</a>'


@app.route("/account")
@auth.requires_auth
def account() -> dict[str, str]:
    """Show what the middleware knows of the person."""
    return {"user": json.dumps(auth.current_user)}


app.run(port=int(os.environ["PORT"]), threaded=True)
