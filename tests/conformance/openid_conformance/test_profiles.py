"""The table says what the tests do, and why there are none for the rest."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from profiles import BASIC, DRIVEN, FORM_POST, PROFILES
from relying_parties import PARTIES
from wires import over_https

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
_SAYS_SO = {  # what the discovery document has to say for a reason to hold
    "id_token_signing_alg_values_supported": lambda value: "none" not in value,
    "userinfo_signing_alg_values_supported": lambda value: value is None,
    "registration_endpoint": lambda value: value is None,
    "subject_types_supported": lambda value: value == ["public"],
    "request_uri_parameter_supported": lambda value: value is False,
    "response_types_supported": lambda value: value == ["code"],
    "scopes_supported": lambda value: "address" not in value,
}


@pytest.fixture(scope="module", autouse=True)
def _all_tests_are_known():
    for path in HERE.glob("test_*.py"):
        importlib.import_module(path.stem)


@pytest.mark.parametrize("name", PROFILES)
def test_each_module_is_driven_or_has_a_reason(name):
    profile = PROFILES[name]
    assert DRIVEN[name] == profile.driven
    assert len({module.name for module in profile.modules}) == len(profile.modules)
    assert set(profile.clients) <= set(PARTIES)


def test_form_post_is_all_of_basic():
    assert PROFILES[FORM_POST].modules == PROFILES[BASIC].modules


async def test_what_is_not_driven_is_not_promised_either(sqlite_place):
    """The reasons hold: a feature that is served one day needs its tests."""
    async with over_https(sqlite_place.server) as http:
        metadata = (await http.get("/.well-known/openid-configuration")).json()
    for member, holds in _SAYS_SO.items():
        assert holds(metadata.get(member)), member


@pytest.mark.parametrize(
    ("profile", "module", "reason"),
    [
        pytest.param(profile, module, module.not_driven, id=f"{profile.short}-{module.name}")
        for profile in PROFILES.values()
        for module in profile.modules
        if module.not_driven and profile.name != FORM_POST
    ],
)
def test_not_driven(profile, module, reason):
    pytest.skip(f"{profile.name}: {module.name}: {reason}")


def test_the_page_is_current():
    script = ROOT / "scripts" / "openid_conformance.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
