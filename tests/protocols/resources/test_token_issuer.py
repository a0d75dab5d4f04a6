"""The setting of the issuer that tokens of resources name."""

from __future__ import annotations

import pytest
from apis import Api, access_token
from machines import claims_of
from resource_clients import Resources
from wires import Rest, over_https


@pytest.mark.one_database
async def test_tokens_can_name_the_environment_as_their_issuer(start_app):
    server = await start_app("issuer-of-tokens", resource_token_issuer="environment")
    wire = Rest(server)
    token = await access_token(wire.http, server.client_id, server.client_secret)
    rest = Api(wire, (("authorization", f"Bearer {token}"),))
    async with over_https(server) as http:
        resources = Resources(rest, http, None)
        resource = await resources()
        client = await resources.client(resource, redirect_uris=[])
        answer = await client.token(grant_type="client_credentials")
        issued = answer.json()["access_token"]
        assert claims_of(issued)["iss"] == server.url
        assert claims_of(issued)["aud"][0] == resource["id"]
        metadata = await http.get(f"{client.issuer_path}/.well-known/openid-configuration")
        assert metadata.json()["issuer"] == f"{server.url}{client.issuer_path}"
        # It is no token for this API, although its issuer is the same.
        bearer = {"authorization": f"Bearer {issued}"}
        assert (await http.get("/api/v1/organizations", headers=bearer)).status_code == 401
        form = {"client_id": server.client_id, "client_secret": server.client_secret}
        shown = await http.post("/oauth/introspect", data={"token": issued, **form})
        assert shown.json()["active"] is True
    await wire.aclose()
