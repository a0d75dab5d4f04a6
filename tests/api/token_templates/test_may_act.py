"""`may_act` (RFC 8693 section 4.4): the token template says which client may act for a user."""

from __future__ import annotations

from apis import unique
from signins import App, claims_of, is_refused

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


async def test_only_the_named_client_acts_for_the_user(signins, make, rest, keep):
    name = (await make.permission(unique("act").replace("-", ":")))["name"]
    await rest.clients.create_scope(scope={"name": name, "description": name})
    role = await make.role(permissions=[name])
    organization = await make.organization()
    user = await make.user(organization["id"], membership={"roles": [{"name": role["name"]}]})
    session, _ = await signins.session(user)
    app = await signins.application()
    agents = [App(*await make.client(organization["id"], scopes=[name])) for _ in range(2)]
    for agent in agents:
        await rest.client_settings.update_client_settings(
            client_id=agent.id, settings={"token_exchange": {"audiences": ["calendar"]}}
        )

    async def exchange(agent, token):
        return await signins.ask(
            agent, grant_type=GRANT, subject_token=token, subject_token_type=ACCESS_TOKEN
        )

    early = (await signins.tokens(app, session))["access_token"]
    await keep(may_act={"sub": f"'{agents[0].id}'"})
    token = (await signins.tokens(app, session))["access_token"]
    assert claims_of(token)["may_act"] == {"sub": agents[0].id}
    for one in (early, token):
        is_refused(await exchange(agents[1], one), "invalid_request")
        answer = await exchange(agents[0], one)
        assert answer.status_code == 200, answer.text
    delegated = answer.json()["access_token"]
    assert claims_of(delegated)["may_act"] == {"sub": agents[0].id}
    is_refused(await exchange(agents[1], delegated), "invalid_request")
    for may_act in (
        {"sub": f"'{agents[0].id}'", "iss": "'https://elsewhere.example.com'"},
        {"sub": f"'{agents[0].id}'", "email": "user.email"},
        {"iss": f"'{claims_of(token)['iss']}'"},
        "user.email",
    ):
        await keep(may_act=may_act)
        token = (await signins.tokens(app, session))["access_token"]
        is_refused(await exchange(agents[0], token), "invalid_request")
