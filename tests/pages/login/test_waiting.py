"""A person that has tried too often waits, and then goes on in the same place."""

from __future__ import annotations

import re

from apis import unique
from hosted import problems

DATABASES = ("sqlite",)


async def test_who_has_tried_too_often_keeps_the_step_and_what_they_typed(
    place, application, visitor
):
    await visitor.begin(application)
    email = f"{unique('eve')}@example.com"
    for _ in range(50):
        sent = await visitor.step("email", email=email)
        if "failed=" in sent.headers["location"]:
            break
    page = await visitor.told(sent, status=429)
    assert problems(page)[0].startswith("Too many emails")
    assert f'value="{email}"' in page.text
    assert f'action="{visitor.path}/email"' in page.text
    wait = int(page.headers["retry-after"])
    assert f'data-wait="{wait}"' in page.text
    # Without a script, in words; with one, the button counts down.
    shown = re.search(r"Try again in <bdi>(\d+)</bdi> (second|minute)", page.text)
    assert int(shown[1]) == (wait if shown[2] == "second" else -(-wait // 60))
    assert f'data-limited="{visitor.path}/email"' in page.text
    assert "/login/countdown.js" in page.text
    # By itself it goes nowhere: typed text would be lost.
    assert "http-equiv" not in page.text
