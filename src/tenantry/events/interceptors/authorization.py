"""Authorization of a request to an interceptor, beside its signature: an API key or a token.

Its secrets are kept encrypted. A token (RFC 6749 section 4.4) is fetched through the same
guarded client as everything that a tenant chose the address of, and is used until it ends.
"""

from __future__ import annotations

import asyncio
import base64
import math
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

import orjson

from tenantry.core import strict_json
from tenantry.db.sql.encrypted_columns import binding
from tenantry.events.interceptors.model import API_KEY, interceptors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.crypto.vault import Binding, Vault
    from tenantry.events.interceptors.model import Interceptor
    from tenantry.net.outgoing import Outgoing

_ANSWER_BYTES = 64 * 1024
_EARLY_SECONDS = 30  # before its end a token is not used any more
_UNSTATED_SECONDS = 60  # of a token that does not say how long it is good for
_LONGEST_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 section 2.1


class Unauthorized(Exception):
    """No access token could be obtained; the text gives the reason, without a secret."""


def encrypted(vault: Vault, interceptor_id: str, config: Mapping[str, Any]) -> str:
    """Return the configuration of an interceptor as it is stored."""
    return vault.encrypt(orjson.dumps(config), _binding(interceptor_id))


def decrypted(vault: Vault, interceptor: Interceptor) -> dict[str, Any] | None:
    """Return the configuration of an interceptor; None if it has none.

    Raises:
        vault.WrongKey: it cannot be decrypted.

    """
    if interceptor.auth_config_sealed is None:
        return None
    opened = vault.decrypt(interceptor.auth_config_sealed, _binding(interceptor.id))
    config: dict[str, Any] = orjson.loads(opened)
    return config


def _binding(interceptor_id: str) -> Binding:
    return binding(interceptors.c.auth_config_sealed, {"id": interceptor_id})


class Authorization:
    """Makes the headers; remembers access tokens, each for the configuration that it came by."""

    def __init__(self, client: Outgoing, vault: Vault) -> None:
        self._client = client
        self._vault = vault
        self._tokens: dict[str, tuple[str, str, float]] = {}  # encrypted, token, monotonic end
        self._locks: dict[str, asyncio.Lock] = {}

    async def headers(self, interceptor: Interceptor, *, seconds: float) -> dict[str, str]:
        """Return the headers of a request to an interceptor, within a number of seconds.

        Raises:
            Unauthorized: no access token could be obtained.
            outgoing.NoResponse: nobody answers at the address for tokens.
            vault.WrongKey: the configuration cannot be decrypted.

        """
        config = decrypted(self._vault, interceptor)
        if config is None:
            return {}
        if config["type"] == API_KEY:
            return {config["header_name"]: config["api_key"]}
        # One fetches the token that the others wait for.
        async with self._locks.setdefault(interceptor.id, asyncio.Lock()):
            known = self._tokens.get(interceptor.id)
            encrypted = interceptor.auth_config_sealed or ""
            if known is None or known[0] != encrypted or known[2] <= time.monotonic():
                token, lifetime = await self._fetch(config, seconds)
                known = (encrypted, token, time.monotonic() + lifetime - _EARLY_SECONDS)
                self._tokens[interceptor.id] = known
        return {"authorization": f"Bearer {known[1]}"}

    def refused(self, interceptor: Interceptor) -> None:
        """Fetch another token the next time: this one is taken for a bad one."""
        self._tokens.pop(interceptor.id, None)

    async def _fetch(self, config: Mapping[str, str], seconds: float) -> tuple[str, float]:
        """Return a new token and the seconds for which it is good."""
        form = {"grant_type": "client_credentials"}
        if config["scope"]:
            form["scope"] = config["scope"]
        # RFC 6749 section 2.3.1: each is form-encoded first.
        pair = f"{quote_plus(config['client_id'])}:{quote_plus(config['client_secret'])}"
        answer = await self._client.send(
            "POST",
            config["token_url"],
            headers={
                "accept": "application/json",
                "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                "content-type": "application/x-www-form-urlencoded",
            },
            body=urlencode(form).encode(),
            seconds=seconds,
            most_bytes=_ANSWER_BYTES,
        )
        if answer.status != 200:
            raise Unauthorized(f"the token_url answered {answer.status}")
        try:
            content = strict_json.loads(answer.body)
        except ValueError:
            content = None
        token = content.get("access_token") if isinstance(content, dict) else None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise Unauthorized("the token_url answered without an access_token")
        lifetime = content.get("expires_in", _UNSTATED_SECONDS)
        if not isinstance(lifetime, int | float) or not math.isfinite(lifetime):
            lifetime = _UNSTATED_SECONDS
        return token, min(max(lifetime, 0), _LONGEST_SECONDS)
