"""Any environment and file give settings, or one line that names the wrong one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.settings import PREFIX, SettingError, load
from tenantry.settings.table import declared

NAMES = [f.name for f in declared()]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
WORDS = """
1 0 -1 true no 65536 10 ٣ 1e3 ~ US EU us debug INFO YWJj é , / . /dev/null /nowhere
127.0.0.1:8443 [::1]:1 :8443 localhost:1 0.0.0.0:0 1.2.3.4:８４ []:1 //a http:a
https://localhost http://[ https://a:b https://a:443/ https:// https://a/?q
https://u@a https://a#f https://ä.test https://a,https://b sqlite:///x.db
postgresql://a/b postgres://[ mysql://a sqlite:
"""
LIKELY = st.sampled_from(
    [
        *WORDS.split(),
        *("", "a\nb", " ", "\t", "\u2028", "\ud7ff", "x" * 250, "9" * 250),
        base64.b64encode(b"k" * 32).decode(),
    ]
)


@given(st.dictionaries(st.sampled_from(NAMES), TEXT | LIKELY, max_size=4))
def test_any_environment_is_settings_or_one_line_that_names_one(given_values):
    environ = {PREFIX + name.upper(): text for name, text in given_values.items()}
    try:
        settings = load(environ)
    except SettingError as problem:
        text = str(problem)
        assert text.startswith(PREFIX)
        named = text.partition(":")[0].removeprefix(PREFIX).lower()
        assert named in given_values or named in {"tls_cert", "tls_key"}
        return
    assert 0 < settings.port < 65536
    assert settings.host
    # A worker is told by its environment: it must understand the same.
    assert load(settings.environment()) == settings


@given(st.dictionaries(st.sampled_from(NAMES), TEXT | LIKELY, max_size=3), st.booleans())
def test_any_file_is_settings_or_one_line(tmp_path_factory, given_values, quoted):
    path = tmp_path_factory.mktemp("settings") / "tenantry.toml"
    lines = []
    for name, text in given_values.items():
        escaped = "".join(f"\\U{ord(character):08x}" for character in text)
        lines.append(f'{name} = "{escaped}"' if quoted else f"{name} = {text}")
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        load({PREFIX + "CONFIG": str(path)})
    except SettingError as problem:
        told = str(problem)
    else:
        told = PREFIX
    assert told.startswith(PREFIX)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_DIR", "~nosuchuser/data"),  # RuntimeError of pathlib
        ("TLS_CERT", "~nosuchuser/cert.pem"),
        ("TLS_CERT", "x" * 5000),  # OSError of pathlib
        ("CONFIG", "x" * 5000),
    ],
)
def test_a_path_that_cannot_be_one_is_named(name, value):
    with pytest.raises(SettingError):
        load({f"TENANTRY_{name}": value})


def test_a_file_with_a_number_of_many_digits_is_no_settings(tmp_path):
    path = tmp_path / "tenantry.toml"
    path.write_text("workers = " + "9" * 5000)
    with pytest.raises(SettingError):
        load({"TENANTRY_CONFIG": str(path)})


def test_the_environment_wins_over_the_file(tmp_path):
    path = tmp_path / "tenantry.toml"
    path.write_text(
        'workers = 3\nregion = "EU"\ncleartext = false\ncors_origins = ["https://a", "https://b"]\n'
    )
    environ = {"TENANTRY_CONFIG": str(path), "TENANTRY_REGION": "US"}
    settings = load(environ)
    assert (settings.workers, settings.region, settings.cleartext) == (3, "US", False)
    assert settings.cors_origins == ("https://a", "https://b")


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("https://localhost:8443", "https://localhost:8443"),
        ("https://localhost:8443/", "https://localhost:8443"),
        ("https://tenants.test:443", "https://tenants.test"),
        ("https://tenants.test:443/", "https://tenants.test"),
        ("http://tenants.test:8080", "http://tenants.test:8080"),
    ],
)
def test_the_public_url_is_as_clients_spell_it(given_url, url):
    assert load({"TENANTRY_PUBLIC_URL": given_url}).public_url == url


@pytest.mark.parametrize(
    "key", ["short", "YWJj", "%%%", base64.b64encode(b"k" * 31).decode(), "é" * 44, "A" * 44]
)
def test_a_master_key_that_cannot_be_used_is_not_repeated(key):
    with pytest.raises(SettingError) as problem:
        load({"TENANTRY_MASTER_KEY": key})
    assert str(problem.value).startswith("TENANTRY_MASTER_KEY: ")
    assert key not in str(problem.value)


def test_the_database_is_not_shown_where_it_holds_a_password():
    settings = load({"TENANTRY_DATABASE_URL": "postgresql://u:hunter2@h/d"})
    assert "hunter2" not in str(settings.table())
