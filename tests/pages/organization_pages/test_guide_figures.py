"""Marks of providers and figures of guides, drawn from their data."""

from __future__ import annotations

import re

import pytest

from tenantry.identity.connections.guides.guides import guides
from tenantry.tenants.directories.guides import guides as directory_guides
from tenantry.web.marks import clicks
from tenantry.web.provider_marks import provider_mark
from tenantry.web.rendering import environment
from tenantry.web.words import of

STEPS = [
    (guide, step) for guide in guides("de") for steps in (guide.saml, guide.oidc) for step in steps
] + [(guide, step) for guide in directory_guides("de") for step in guide.steps]


@pytest.mark.parametrize("id_", ["okta", "google-workspace", "keycloak", "oidc"])
def test_a_known_provider_has_its_mark(id_):
    mark = provider_mark(id_, "Any")
    assert re.search(r'<path d="[Mm][^"]{20,}"/></svg></span>$', mark)
    assert 'aria-hidden="true"' in mark


def test_any_other_has_the_letter_of_its_name():
    assert (
        provider_mark("onelogin", "<OneLogin>") == '<span class="mark" aria-hidden="true">O</span>'
    )


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Open **Applications**, then **SAML 2.0**. Keep **Both**.", ["Applications", "SAML 2.0"]),
        ("Assign users on the tab **Assignments**.", []),
        ("Choose **EMAIL** as **Name ID format**.", []),
        ("Enter `openid`.", []),
    ],
)
def test_labels_of_the_first_sentence_are_a_path(text, labels):
    assert clicks(text) == labels


def test_every_step_with_values_shows_both_sides():
    figures = environment().get_template("organization/templates/figures.html").module
    words = of("organization", "de")
    drawn = 0
    for guide, step in STEPS:
        page = figures.of_step(words, guide, guide.name, "Acme", step, {})
        for rows, arrow in ((step.ours, "M34 12H3"), (step.theirs, "M2 12h31")):
            assert (arrow in page) == bool(rows)
        assert page.count('class="side"') == 2 * (bool(step.ours) + bool(step.theirs))
        drawn += page.count("<figure")
    assert drawn > 40
