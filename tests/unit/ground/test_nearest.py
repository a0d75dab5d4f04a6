"""The name that was meant: near ones are found, and no question takes long."""

from __future__ import annotations

import time

import pytest

from tenantry.core.suggestions import nearest

KNOWN = ["display_name", "external_id", "metadata", "slug", "given_name", "page_size"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("displayName", "display_name"),
        ("Display-Name", "display_name"),
        ("dsplay_name", "display_name"),
        ("externalid", "external_id"),
        ("external", "external_id"),
        ("meta_data", "metadata"),
        ("slugs", "slug"),
        ("name", ""),  # of two
        ("size", "page_size"),
        ("x", ""),
        ("", ""),
        ("nothing", ""),
        ("\u0130" * 30, ""),
    ],
)
def test_a_name_that_is_near_is_found(name, meant):
    assert nearest(name, KNOWN) == meant


def test_nothing_that_is_asked_takes_long():
    known = [f"{'ab' * 18}{number}" for number in range(5000)]
    began = time.process_time()
    for name in ("ab" * 20, "ba" * 20, "a" * 40, "ab" * 500_000):
        nearest(name, known)
    assert time.process_time() - began < 2
