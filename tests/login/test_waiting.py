"""A person that has tried too often waits, and then goes on in the same place."""

from __future__ import annotations

import re

from apis import unique
from hosted import heading, problems

DATABASES = ("sqlite",)


async def test_who_has_tried_too_often_keeps_the_step_and_what_they_typed(
    place, application, visitor
):
    await visitor.begin(application)
    email = f"{unique('eve')}@example.com"
    for _ in range(50):
        page = await visitor.step("email", email=email)
        if page.status_code == 429:
            break
    assert page.status_code == 429
    assert problems(page)[0].startswith("Too many attempts")
    assert f'value="{email}"' in page.text
    assert f'action="{visitor.path}/email"' in page.text
    wait = int(page.headers["retry-after"])
    assert f'data-wait="{wait}"' in page.text
    shown = re.search(r"data-wait[^>]*>(\d+):(\d\d)<", page.text)
    assert int(shown[1]) * 60 + int(shown[2]) == wait
    assert "/login/countdown.js" in page.text
    # By itself it goes nowhere: typed text would be lost.
    assert "http-equiv" not in page.text


async def test_where_no_form_is_a_page_counts_down_and_goes_back_by_itself(
    place, application, visitor
):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    page = await visitor.step("resend")
    while page.status_code == 303:
        page = await visitor.step("resend")
    assert (page.status_code, heading(page)) == (429, "Too many attempts")
    wait = page.headers["retry-after"]
    refresh = f'<meta http-equiv="refresh" content="{wait};url={visitor.path}">'
    assert f"<noscript>{refresh}</noscript>" in page.text
    assert f'data-next="{visitor.path}"' in page.text
    assert heading(await visitor.page()) == "Check your mail"
