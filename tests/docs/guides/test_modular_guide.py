"""The section on modular mode: its program asks for a sign-in, and knows the person that comes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from doc_programs import CONFORMANCE, need, settings_for
from hosted import answered, deployment
from openid_providers import CLIENT_ID, CLIENT_SECRET, OpenIDProvider
from test_guides import blocks
from turns import install_node_packages

from tenantry.identity.connections import model

NODE = """
import sdk from '@scalekit-sdk/node'

const { CODE, CALLBACK, SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID, SCALEKIT_CLIENT_SECRET } =
  process.env
const client = new sdk.ScalekitClient(
  SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID, SCALEKIT_CLIENT_SECRET
)
const { user, accessToken, refreshToken } = await client.authenticateWithCode(CODE, CALLBACK)
const { sub } = await client.validateToken(accessToken)
const valid = await client.validateAccessToken(accessToken)
const renewed = await client.refreshAccessToken(refreshToken)
const again = (await client.validateToken(renewed.accessToken)).sub
console.log(JSON.stringify({ id: user.id, sub, valid, again }))
"""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def modular_server(start_server):
    server = start_server(
        "modular-guide", authentication_mode="MODULAR_AUTH", outgoing_allow="127.0.0.0/8"
    )
    yield server
    server.stop()


@pytest.fixture
async def place(modular_server):
    async with deployment(modular_server) as opened:
        yield opened


@pytest.fixture
def program(place, modular_server, tmp_path):
    """Runs an expression after the program of the guide; returns its value."""
    (code,) = [code for language, code in blocks("single-sign-on") if language == "python"]

    def run(application, expression):
        path = tmp_path / "sample.py"
        path.write_text(f"{code}\n\nimport json\nprint(json.dumps({expression}))\n")
        variables = {
            "SCALEKIT_CLIENT_ID": application.id,
            "SCALEKIT_CLIENT_SECRET": application.secret,
        }
        done = subprocess.run(
            [sys.executable, "-W", "ignore", path],
            env=modular_server.environment | modular_server.env | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


@pytest.fixture
async def connection(place, provider):
    """A connection to the provider, made as an operator makes it."""
    acme, api = await place.make.organization(), place.api.connections
    made = await api.create_connection(
        organization_id=acme["id"], connection={"provider": "OKTA", "type": "OIDC"}
    )
    which = {"organization_id": acme["id"], "id": made["connection"]["id"]}
    await api.update_connection(
        **which,
        connection={
            "provider": "OKTA",
            "debug_enabled": True,
            "configuration_type": model.MANUAL,
            "oidc_config": {
                "issuer": provider.issuer,
                "authorize_uri": f"{provider.issuer}/authorize",
                "token_uri": f"{provider.issuer}/token",
                "jwks_uri": f"{provider.issuer}/keys",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            },
        },
    )
    await api.enable_connection(**which)
    return made["connection"]


async def code_of(place, provider, url):
    """The code that a browser comes back with from this address of ours."""
    async with place.visitor() as visitor:
        came = await visitor.get(url.removeprefix(place.server.url))
        came = await visitor.get(came.headers["location"])
        came = await visitor.get(
            provider.answer_to(came.headers["location"]).removeprefix(place.server.url)
        )
        came = await visitor.get(came.headers["location"].removeprefix(place.server.url))
    return answered(came)["code"]


async def test_the_program_of_the_guide_knows_the_person(place, program, provider, connection):
    application = await place.application()
    url = program(application, f"sign_in_url({connection['organization_id']!r}, 's1')")
    code = await code_of(place, provider, url)
    assert program(application, f"person_of({code!r})") == {
        "key": [connection["id"], provider.person["sub"]],
        "organization_id": connection["organization_id"],
        "email": provider.person["email"],
        "is_theirs": False,
        "provider": "OKTA",
    }


def by_node(server, application, code):
    """The person of a code, as the official Node SDK shows them."""
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", NODE],
        cwd=CONFORMANCE / "node",
        env=server.environment
        | settings_for("js", server)
        | {
            "SCALEKIT_CLIENT_ID": application.id,
            "SCALEKIT_CLIENT_SECRET": application.secret,
            "CODE": code,
            "CALLBACK": application.redirect_uri,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_the_official_node_sdk_knows_it_too(place, modular_server, provider, connection):
    need("node", "npm")
    install_node_packages(CONFORMANCE / "node")
    application = await place.application()
    code = await code_of(
        place,
        provider,
        application.path(connection_id=connection["id"], code_challenge=None).replace(
            "&code_challenge_method=S256", ""
        ),
    )
    seen = by_node(modular_server, application, code)
    sub = f"{connection['id']};{provider.person['sub']}"
    assert seen == {"id": sub, "sub": sub, "valid": True, "again": sub}
