"""Passkeys are the only sign-in method of a deployment: accounts are created elsewhere."""

from __future__ import annotations

from hosted import heading

DATABASES = ("sqlite",)


async def test_nobody_is_offered_a_sign_up_where_there_are_passkeys_alone(special_place):
    async with special_place(sign_in_methods="passkey") as place, place.visitor() as visitor:
        app = await place.application()
        page = await visitor.begin(app, prompt="create")
        assert heading(page).startswith("Sign in")
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        sign_in, sign_up = [
            await visitor.http.post(
                "/api/v1/auth:discovery",
                json={"email": "ada@example.com", "intent": intent},
                headers={"cookie": cookies},
            )
            for intent in ("sign_in", "sign_up")
        ]
    assert sign_in.status_code == 200
    assert sign_in.json()["auth_method"]["connection_type"] == "WEBAUTHN"
    assert sign_up.status_code == 400
    assert "passkeys are the only" in sign_up.text
