"""Which requests a page of ours has made, as browsers say: one rule, strict for forms."""

from __future__ import annotations

import pytest

from tenantry.core.caller import Origin

OURS = "https://tenants.example"


@pytest.mark.parametrize(
    ("origin", "form", "browsers_api", "any_call"),
    [
        (Origin(site="same-origin"), True, True, True),
        (Origin(site="same-origin", page=OURS), True, True, True),
        (Origin(page=OURS), True, True, True),  # an older browser
        (Origin(), False, True, True),  # a program
        (Origin(site="none"), False, False, True),  # the address bar
        (Origin(site="same-site", page=OURS), False, False, False),
        (Origin(site="cross-site"), False, False, False),
        (Origin(site="nonsense"), False, False, False),
        (Origin(page="null"), False, False, False),
        (Origin(page=f"{OURS}.evil.example"), False, False, False),
        (Origin(page="http://tenants.example"), False, False, False),
    ],
)
def test_a_form_takes_a_page_of_ours_and_a_call_by_a_program_less(
    origin, form, browsers_api, any_call
):
    assert origin.is_of(OURS) == form
    assert origin.is_of(OURS, no_browser=True) == browsers_api
    assert origin.is_of(OURS, no_browser=True, address_bar=True) == any_call
