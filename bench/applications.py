"""An application and the people who sign in to it by password, over HTTP as a browser does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    import httpx
    from serving import Server

PASSWORD = "correct horse battery"
SESSION = "__Host-tenantry_session"
_REDIRECT_URI = "https://app.example.com/callback"
_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class Application:
    """A new application of a server."""

    def __init__(self, server: Server, scope: str) -> None:
        self._http = server.http
        self._headers = {"authorization": f"Bearer {server.token()}"}
        self._origin = server.environment["TENANTRY_PUBLIC_URL"]
        new = {"name": "Shop", "client_type": "WEB_APP", "post_login_uris": [_REDIRECT_URI]}
        client_id = self.post("/api/v1/clients", new)["client"]["id"]
        secret = self.post(f"/api/v1/clients/{client_id}/secrets", {})["plain_secret"]
        self.form = {"client_id": client_id, "client_secret": secret}
        self.authorize = "/oauth/authorize?" + urlencode(
            {
                "response_type": "code",
                "client_id": client_id,
                "redirect_uri": _REDIRECT_URI,
                "scope": scope,
                "state": "af0ifjsldkj",
                "code_challenge": _CHALLENGE,
                "code_challenge_method": "S256",
            }
        )

    def post(self, path: str, body: dict[str, object]) -> dict[str, Any]:
        """Make a call of the management client."""
        answer = self._http.post(path, json=body, headers=self._headers)
        made: dict[str, Any] = answer.raise_for_status().json()
        return made

    async def sign_in(self, http: httpx.AsyncClient, email: str) -> str:
        """Walk from the application to its code; return the Cookie header of the session."""
        asked = await http.get(self.authorize)
        page = urlsplit(asked.headers["location"]).path
        cookie = asked.headers["set-cookie"].partition(";")[0]
        http.cookies.clear()
        headers = {"cookie": cookie, "origin": self._origin}
        form = {"email": email, "password": PASSWORD}
        answer = await http.post(f"{page}/password", data=form, headers=headers)
        while answer.status_code == 303 and not answer.headers["location"].startswith(
            _REDIRECT_URI
        ):
            http.cookies.clear()
            answer = await http.get(urlsplit(answer.headers["location"]).path, headers=headers)
        http.cookies.clear()
        if "code=" not in answer.headers.get("location", ""):
            raise SystemExit(f"bench: {answer.status_code} {answer.text[:500]}")
        cookies = (line.partition(";")[0] for line in answer.headers.get_list("set-cookie"))
        return next(one for one in cookies if one.startswith(f"{SESSION}="))

    def refresh_token(self, cookie: str) -> str:
        """Return the first refresh token of a new family in a session."""
        sent = self._http.get(self.authorize, headers={"cookie": cookie})
        code = parse_qs(urlsplit(sent.headers["location"]).query)["code"][0]
        given = {"redirect_uri": _REDIRECT_URI, "code_verifier": _VERIFIER, **self.form}
        form = {"grant_type": "authorization_code", "code": code, **given}
        answer = self._http.post("/oauth/token", data=form)
        token: str = answer.raise_for_status().json()["refresh_token"]
        return token
