"""Counts of a server with two processes, which also run the background jobs."""

from __future__ import annotations

import pytest
from apis import refused, unique
from hosted import answered, deployment
from providers import connect
from servers import free_port

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="module", params=DATABASES)
def counting(request, start_server):
    more = {}
    if request.param == "postgresql":
        more["database_url"] = request.getfixturevalue("postgresql").fresh()
    started = start_server(
        f"counted-{request.param}",
        workers="2",
        background="true",
        outgoing_allow="127.0.0.0/8",
        rate_limit_token="20/hour",
        **more,
    )
    yield started
    started.stop()


@pytest.fixture
async def place(counting):
    async with deployment(counting) as opened:
        yield opened


class _Counts:
    """The counts of the last 24 hours, as the API returns them."""

    def __init__(self, place, eventually) -> None:
        self._place, self.eventually = place, eventually

    async def of(self, metric, key=""):
        """Return the number of occurrences and of failed ones."""
        found = await self._place.api.overview.get_activity(metrics=[metric], key=key)
        one = found["activities"][0]["series"][0]
        return sum(map(int, one["counts"])), sum(map(int, one["failures"]))

    async def become(self, metric, wanted, key="", since=(0, 0)):
        """Wait until the counts have grown by exactly this number."""
        wanted = tuple(a + b for a, b in zip(wanted, since, strict=True))

        async def are_there():
            return (await self.of(metric, key))[0] >= wanted[0]

        await self.eventually(are_there)
        assert await self.of(metric, key) == wanted, metric


@pytest.fixture
def counts(place, eventually):
    return _Counts(place, eventually)


@pytest.mark.thorough
async def test_calls_count_for_their_client_in_all_processes(place, counts):
    client_id = place.server.client_id
    before = await counts.of("API_CALLS", client_id)
    for _ in range(5):
        with refused("NOT_FOUND"):
            await place.api.organizations.get_organization(id="org_1")

    async def are_there():
        n, failed = await counts.of("API_CALLS", client_id)  # each of these is a call too
        return failed == before[1] + 5 and n >= before[0] + 6

    await counts.eventually(are_there)


async def _code(place, email, eventually):
    """Return the code of the newest email, once the server has sent it."""
    codes = []

    async def is_sent():
        try:
            codes.append(await place.code(email))
        except AssertionError:
            return False
        return True

    await eventually(is_sent)
    return codes[-1]


async def test_a_sign_in_counts_by_its_method_and_makes_a_user_active(place, counts):
    application = await place.application()
    user = await place.make.user()
    signed_in = await counts.of("SIGN_INS", "email")
    active = await counts.of("ACTIVE_USERS")
    organizations = await counts.of("ACTIVE_ORGANIZATIONS")
    errors = await counts.of("SIGN_IN_ERRORS", "access_denied")
    async with place.visitor() as browser:
        await browser.begin(application)
        await browser.step("email", email=user["email"])
        code = await _code(place, user["email"], counts.eventually)
        done = answered(await browser.step("code", code=code))
        await application.tokens(browser.http, done["code"])
    async with place.visitor() as browser:
        await browser.begin(application, prompt="login")
        await browser.step("cancel")
    await counts.become("SIGN_INS", (1, 0), "email", signed_in)
    await counts.become("ACTIVE_USERS", (1, 0), since=active)
    await counts.become("ACTIVE_ORGANIZATIONS", (1, 0), since=organizations)
    await counts.become("SIGN_IN_ERRORS", (1, 0), "access_denied", errors)


@pytest.mark.thorough
async def test_events_and_attempts_of_webhooks_count(place, counts):
    made = await place.api.webhooks.create_endpoint(
        endpoint={
            "url": f"http://127.0.0.1:{free_port()}/hook",
            "event_types": ["organization.created"],
        }
    )
    id_ = made["endpoint"]["id"]
    before = await counts.of("EVENTS", "organization.created")
    await place.make.organization()
    await counts.become("EVENTS", (1, 0), "organization.created", before)

    async def is_attempted():
        n, failed = await counts.of("WEBHOOK_ATTEMPTS", id_)
        return n >= 1 and failed == n

    await counts.eventually(is_attempted)
    await place.api.webhooks.delete_endpoint(endpoint_id=id_)


async def test_requests_of_a_directory_count(place, counting, counts):
    provider = await connect(place.database, counting, place.make)
    await provider.create("ada")
    await provider("GET", f"/Users/{unique('nobody')}")
    directory_id = provider.directory.id
    await counts.become("DIRECTORY_SYNCS", (2, 1), directory_id)
    await provider.aclose()


@pytest.mark.thorough
async def test_requests_over_a_limit_count(place, counts):
    application = await place.application()
    before = await counts.of("RATE_LIMITS", "token")
    async with place.visitor() as browser:
        form = {"grant_type": "client_credentials", "client_id": application.id}
        form["client_secret"] = application.secret
        statuses = [
            (await browser.http.post("/oauth/token", data=form)).status_code for _ in range(50)
        ]
    limited = statuses.count(429)
    assert limited >= 10  # each process counts by itself
    await counts.become("RATE_LIMITS", (limited, 0), "token", before)
