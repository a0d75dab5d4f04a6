"""Many at once: no update is lost, no name is given twice, no total is wrong."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from apis import unique
from wires import ApiError


def outcomes(answers):
    """How many succeeded, and the error codes of the others."""
    problems = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(problem, ApiError) for problem in problems), problems
    return len(answers) - len(problems), {problem.error_code for problem in problems}


async def test_30_updates_at_once_are_30_revisions(api, make, events):
    made = await make.organization()
    await events.new()
    answers = await asyncio.gather(
        *(
            api.organizations.update_organization(
                id=made["id"], organization={"display_name": f"Acme {n}"}
            )
            for n in range(30)
        ),
        return_exceptions=True,
    )
    assert outcomes(answers) == (30, set())
    assert sorted(int(answer.etag.strip('"')) for answer in answers) == list(range(2, 32))
    last = max(answers, key=lambda answer: int(answer.etag.strip('"')))
    assert await api.organizations.get_organization(id=made["id"]) == last
    changes = await events.new()
    assert len(changes) == 30
    by_time = sorted(changes, key=lambda event: event["after"]["update_time"])
    assert all(a["after"] == b["before"] for a, b in pairwise(by_time))


async def test_updates_of_different_members_lose_nothing(api, make):
    made = await make.organization()
    external_id, slug = unique(), unique()
    changes = [{"external_id": external_id}, {"slug": slug}, {"logo_url": "https://acme.example"}]
    await asyncio.gather(
        *(
            api.organizations.update_organization(id=made["id"], organization=change)
            for change in changes * 5
        ),
        *(
            api.organizations.update_organization_settings(
                id=made["id"], settings={"features": [{"name": name, "enabled": True}]}
            )
            for name in ("dir_sync", "domain_verification", "session_policy")
        ),
    )
    organization = (await api.organizations.get_organization(id=made["id"]))["organization"]
    assert all(change.items() <= organization.items() for change in changes)
    assert all(feature["enabled"] for feature in organization["settings"]["features"])


async def test_of_30_updates_of_one_revision_one_is_made(api, make):
    made = await make.organization()
    mine = api.sending(if_match='"1"')
    answers = await asyncio.gather(
        *(
            mine.organizations.update_organization(
                id=made["id"], organization={"display_name": f"Acme {n}"}
            )
            for n in range(30)
        ),
        return_exceptions=True,
    )
    assert outcomes(answers) == (1, {"PRECONDITION_FAILED"})
    assert (await api.organizations.get_organization(id=made["id"])).etag == '"2"'


async def test_of_10_deletions_at_once_one_is_made(api, make, events):
    made = await make.organization()
    await events.new()
    answers = await asyncio.gather(
        *(api.organizations.delete_organization(id=made["id"]) for _ in range(10)),
        return_exceptions=True,
    )
    assert outcomes(answers) == (1, {"NOT_FOUND"})
    assert [event["type"] for event in await events.new()] == ["organization.deleted"]


async def test_a_slug_is_given_once_though_10_ask_for_it_at_once(api, make):
    slug = unique()
    made = [await make.organization() for _ in range(10)]
    answers = await asyncio.gather(
        *(
            api.organizations.update_organization(id=one["id"], organization={"slug": slug})
            for one in made
        ),
        return_exceptions=True,
    )
    assert outcomes(answers) == (1, {"INVALID_ARGUMENT"})


async def test_the_total_is_right_after_creations_and_deletions_at_once(api, make):
    before = (await api.organizations.list_organization(page_size=1))["total_size"]
    made = [await make.organization() for _ in range(10)]
    await asyncio.gather(
        *(api.organizations.delete_organization(id=one["id"]) for one in made),
        *(make.organization() for _ in range(15)),
    )
    after = (await api.organizations.list_organization(page_size=1))["total_size"]
    assert after == before + 15
