"""The section on modular mode: its program asks for a sign-in, and knows the person that comes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hosted import answered, deployment
from openid_providers import CLIENT_ID, CLIENT_SECRET, OpenIDProvider
from test_guides import blocks

from tenantry.identity.connections import model

pytestmark = [pytest.mark.one_database, pytest.mark.timeout(120)]


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


async def test_the_program_of_the_guide_knows_the_person(place, program):
    application = await place.application()
    acme = await place.make.organization()
    async with OpenIDProvider() as provider, place.visitor() as visitor:
        made = await place.api.connections.create_connection(
            organization_id=acme["id"], connection={"provider": "OKTA", "type": "OIDC"}
        )
        connection_id = made["connection"]["id"]
        await place.api.connections.update_connection(
            organization_id=acme["id"],
            id=connection_id,
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
        await place.api.connections.enable_connection(organization_id=acme["id"], id=connection_id)
        url = program(application, f"sign_in_url({acme['id']!r}, 's1')")
        came = await visitor.get(url.removeprefix(place.server.url))
        came = await visitor.get(came.headers["location"])
        came = await visitor.get(
            provider.answer_to(came.headers["location"]).removeprefix(place.server.url)
        )
        came = await visitor.get(came.headers["location"].removeprefix(place.server.url))
        person = program(application, f"person_of({answered(came)['code']!r})")
    assert person == {
        "key": [connection_id, provider.person["sub"]],
        "organization_id": acme["id"],
        "email": provider.person["email"],
        "is_theirs": False,
        "provider": "OKTA",
    }
