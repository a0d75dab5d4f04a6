"""Operators with browsers at a running server."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from software_authenticator import Authenticator

OURS = {"sec-fetch-site": "same-origin"}


class Operator:
    """Somebody with a browser at the console, and an authenticator."""

    def __init__(self, server, link: str = "", name: str = "Ada") -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, verify=server.trust, headers=OURS)
        self.device = Authenticator(server.url, backs_up=True)
        if link:
            assert self.post(link, name=name).status_code == 303

    def get(self, path: str, **options: Any):
        return self.http.get(path, **options)

    def post(self, path: str, **fields: str):
        return self.http.post(path, data=fields or {"_": ""})

    def make_passkey(self, **bent: Any):
        answer = self.post("/console/me/passkeys/options")
        assert answer.status_code == 200, answer.text
        made = self.device.create(answer.json()["options"], **bent)
        return self.post("/console/me/passkeys", credential=json.dumps(made))

    def asked(self):
        return self.post("/console/sign-in/options").json()

    def sign_in(self, asked=None, goal: str = "", **bent: Any):
        asked = asked or self.asked()
        given = self.device.get(asked["options"], **bent)
        return self.post(
            "/console/sign-in",
            challenge_id=asked["challenge_id"],
            credential=json.dumps(given),
            next=goal,
        )

    @property
    def is_in(self) -> bool:
        return self.get("/console").status_code == 200

    @property
    def secret(self) -> str:
        return self.http.cookies.get("__Host-tenantry_console", "")

    @property
    def id(self) -> str:
        listed = json.loads(self.server.run("operators", "list", "--json").stdout)
        return listed[-1]["id"]


def link_of(server, *arguments: str) -> str:
    done = server.run("operators", "link", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["link"]


def problem_of(operator, answer) -> str:
    """The problem that the page shows to which a form led."""
    assert answer.status_code == 303, answer.text
    page = operator.get(answer.headers["location"])
    said = re.search(r'role="alert">(.*?)</p>', page.text, re.DOTALL).group(1)
    return re.sub("<[^>]+>", "", said)
