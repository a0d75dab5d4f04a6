"""The limits of this server: what each counts, and what its answers say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from tenantry.core import errors
from tenantry.core.addresses import network
from tenantry.rate_limits.memory import Memory
from tenantry.rate_limits.redis import Redis
from tenantry.telemetry import request_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.rate_limits.counts import Count
    from tenantry.settings import Settings

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# Of one sign-in to identity providers: each is remembered until it is answered, or too old. Nobody
# needs more of them, so it is no setting.
_WAYS = "20/hour"
# Of mails that members have sent: to strangers in all, and to each of them. No settings either.
_INVITATIONS, _REMINDERS = "200/hour", "5/hour"
_memories: dict[str, Memory] = {}  # by limit: all windows in one are of one length


class Rates:
    """The limits of this server. Each may be off, and then costs nothing.

    `take_*` return headers of the answer (draft-ietf-httpapi-ratelimit-headers-11).
    """

    def __init__(self, limits: Mapping[str, Limit], redis: Redis | None = None) -> None:
        self._limits = limits
        self._redis = redis
        # Where they are off, no request asks.
        self.of_addresses, self.of_clients = "address" in limits, "client" in limits

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits that are set; needs the event loop that will ask."""
        rates = {
            "client": settings.rate_limit_client,
            "address": settings.rate_limit_address,
            "token": settings.rate_limit_token,
            "failures": settings.rate_limit_failures,
            "sign-ins": settings.rate_limit_sign_ins,
            "registrations": settings.rate_limit_registrations,
        }
        url = settings.rate_limit_storage
        redis = Redis(url) if url and any(rates.values()) else None
        rates |= {"ways": _WAYS, "invitations": _INVITATIONS, "reminders": _REMINDERS}
        limits = {
            name: Limit(name, rate, _memories.setdefault(name, Memory()), redis)
            for name, rate in rates.items()
            if rate
        }
        return cls(limits, redis)

    async def close(self) -> None:
        """Close the connection to Redis."""
        if self._redis is not None:
            await self._redis.close()

    async def take_address(self, address: str) -> dict[str, str]:
        """Count a request from this address; "" (unknown) is not limited."""
        return await self._take("address", network(address))

    async def take_client(self, client_id: str) -> dict[str, str]:
        """Count a call of this client, which has shown who it is."""
        return await self._take("client", client_id)

    async def take_token(self, client_id: str) -> dict[str, str]:
        """Count an access token for this client, which has authenticated.

        Only then: otherwise anyone could exhaust the limit of a client with a known ID.
        """
        return await self._take("token", client_id)

    async def take_failure(self, address: str) -> dict[str, str]:
        """Count wrong client credentials that came from this address.

        Right ones are never refused by it: a secret of 256 bits is not guessed, and where many are
        behind one address, or a proxy is not known as one, a guesser would lock out all of them.
        By client id nothing is counted: anybody may know that.

        The default bears one mistake that a client repeats on its own: a user action arrives
        three times by some SDKs, so a hundred failures are some thirty mistakes.
        """
        return await self._take("failures", network(address))

    async def take_sign_in(self, address: str) -> dict[str, str]:
        """Count a sign-in that begins from this address, of a browser that has no session."""
        return await self._take("sign-ins", network(address))

    async def take_registration(self, address: str) -> dict[str, str]:
        """Count a client of a resource that is registered by nobody in particular."""
        return await self._take("registrations", network(address))

    async def take_way(self, auth_request_id: str) -> dict[str, str]:
        """Count a way of this sign-in to an identity provider."""
        return await self._take("ways", auth_request_id)

    async def take_invitation(self, inviter_id: str, invited: str) -> None:
        """Count a mail that a member has sent to an invited person, by that person's address or
        id.
        """
        await self._take("reminders", f"{inviter_id} {invited}")
        await self._take("invitations", inviter_id)

    async def _take(self, name: str, key: str) -> dict[str, str]:
        limit = self._limits.get(name)
        return await limit.take(key) if limit is not None and key else {}


class Limit:
    """One limit: ``rate`` (`100/minute`) for each key, which is a client or an address.

    With Redis, all processes count together. Each also counts by itself, so that the limit holds
    from the first answer of Redis that is late.
    """

    def __init__(self, name: str, rate: str, memory: Memory, redis: Redis | None = None) -> None:
        quota, _, unit = rate.partition("/")
        self._memory, self._redis = memory, redis
        self._name = name
        self._quota = int(quota)
        self._seconds = _SECONDS[unit]
        # The windows of another rate are others.
        self._prefix = f"{name}/{rate}/"
        self._policy = f'"{name}";q={self._quota};w={self._seconds}'

    async def take(self, key: str) -> dict[str, str]:
        """Count one request, and return the headers of its answer.

        Raises:
            errors.RateLimited: it is one too many; it is not counted.

        """
        counted = self._prefix + key, self._quota, self._seconds
        count = self._memory.take(*counted)
        if self._redis is not None:
            count = await self._redis.take(*counted) or count
        if not count.admitted:
            request_context.count("rate_limits", self._name)
            raise self._exceeded(count)
        return self._headers(count, self._whole(count.left))

    def _remaining(self, count: Count) -> int:
        last = math.floor(count.previous * count.left / self._seconds)
        return max(0, self._quota - last - count.current)

    def _headers(self, count: Count, reset: int) -> dict[str, str]:
        return {
            "ratelimit-policy": self._policy,
            "ratelimit": f'"{self._name}";r={self._remaining(count)};t={reset}',
        }

    def _exceeded(self, count: Count) -> errors.RateLimited:
        wait = max(1, self._whole(self._wait(count)))
        return errors.RateLimited(wait, self._headers(count, wait))

    def _whole(self, seconds: float) -> int:
        # A clock's rounding can make a fresh window a little longer than it is.
        return min(math.ceil(seconds), self._seconds)

    def _wait(self, count: Count) -> float:
        """Return the seconds until one more is within the quota."""
        if count.current < self._quota:  # once enough of the last window is out of the sliding one
            free = self._quota - count.current
            return count.left - self._seconds * free / max(count.previous, free)
        return count.left + self._seconds * (1 - self._quota / count.current)
