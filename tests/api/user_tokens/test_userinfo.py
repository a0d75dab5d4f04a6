"""The UserInfo endpoint (OpenID Connect Core section 5.3), and its errors (RFC 6750)."""

from __future__ import annotations

from waiting import ends_within_a_second

from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import REVOKED

ORIGIN = "https://spa.example"


async def test_it_tells_what_the_scopes_ask_for(signins, make):
    profile = {"name": "Ada", "locale": "en-GB", "phone_number": "+14155550123"}
    user = await make.user(user_profile=profile, metadata={"desk": "4a"})
    session, _ = await signins.session(user)
    told = {
        "openid": {},
        "openid email": {"email": user["email"], "email_verified": True},
        "openid phone": {"phone_number": "+14155550123", "phone_number_verified": False},
        "openid profile": {"name": "Ada", "locale": "en-GB", "metadata": '{"desk":"4a"}'},
    }
    for scope, members in told.items():
        tokens = await signins.tokens(session=session, scope=scope)
        answer = await signins.userinfo(tokens["access_token"])
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        claims = answer.json()
        if "profile" in scope:
            assert isinstance(claims.pop("updated_at"), int)
        assert claims == {
            "sub": user["id"],
            "oid": session.organization_id,
            "sid": session.id,
            **members,
        }


async def test_it_tells_what_is_so_now(signins, make):
    user = await make.user()
    session, _ = await signins.session(user)
    token = (await signins.tokens(session=session, scope="openid profile"))["access_token"]
    await signins.rest.users.update_user(id=user["id"], user={"user_profile": {"name": "New"}})
    assert (await signins.userinfo(token)).json()["name"] == "New"


async def test_it_takes_a_post_as_well(signins):
    token = (await signins.tokens())["access_token"]
    answer = await signins.http.post("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200


async def test_a_form_may_bring_the_token(signins):
    """RFC 6750 sections 2.2 and 2: in the body of a POST, and in one place only."""
    token = (await signins.tokens())["access_token"]
    header = {"authorization": f"Bearer {token}"}
    for form, headers, status, error in (
        ({"access_token": token}, {}, 200, ""),
        ({"other": "x"}, header, 200, ""),
        ({"access_token": "x"}, {}, 401, "invalid_token"),
        ({"access_token": ""}, {}, 401, ""),
        ({"access_token": token}, header, 400, "invalid_request"),
        ({"access_token": [token, token]}, {}, 400, "invalid_request"),
        ({'"\r\nx: y': ["1", "2"]}, header, 400, "invalid_request"),
    ):
        answer = await signins.http.post("/userinfo", data=form, headers=headers)
        assert answer.status_code == status, (form, answer.text)
        assert "x" not in answer.headers
        challenge = answer.headers.get("www-authenticate", "")
        assert challenge.startswith("Bearer") == (status != 200)
        assert (f'error="{error}"' in challenge) == bool(error)
    for members in ({"params": {"access_token": token}}, {"content": f"access_token={token}"}):
        answer = await signins.http.request("POST", "/userinfo", **members)
        assert answer.status_code == 401


async def test_pages_of_any_origin_may_ask(signins):
    token = (await signins.tokens())["access_token"]
    headers = {"authorization": f"Bearer {token}", "origin": ORIGIN}
    answer = await signins.http.get("/userinfo", headers=headers)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    for path in ("/userinfo", "/oauth/token"):
        asked = {
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization",
        }
        answer = await signins.http.options(path, headers=asked)
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in answer.headers


async def test_without_a_token_there_is_a_challenge_and_no_error(signins):
    for headers in ({}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer"}):
        answer = await signins.http.get("/userinfo", headers=headers)
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_bad_token_is_told_so(signins, token):
    # The last is a management client's, which stands for nobody.
    for bad in ("x", "a.b.c", "é" * 3, "x" * 20_000, token):
        answer = await signins.http.get(
            "/userinfo", headers={"authorization": f"Bearer {bad}".encode()}
        )
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_token"
        assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def test_without_the_scope_openid_it_tells_nothing(signins):
    token = (await signins.tokens(scope="email"))["access_token"]
    answer = await signins.userinfo(token)
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="openid"' in answer.headers["www-authenticate"]


async def test_it_tells_nothing_once_the_session_is_over(signins, make):
    session, _ = await signins.session(await make.user())
    token = (await signins.tokens(session=session))["access_token"]
    assert (await signins.userinfo(token)).status_code == 200
    await sessions.end(signins.call, session.id, status=REVOKED)

    async def tells():
        answer = await signins.userinfo(token)
        assert answer.status_code in {200, 401}
        return answer.status_code == 200

    await ends_within_a_second(tells)
