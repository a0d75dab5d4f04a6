"""Secrets from files: read as Docker, Kubernetes and systemd lay them down, else refused."""

from __future__ import annotations

import os
import re
from pathlib import Path

import psycopg
import pytest
from repository import ROOT
from servers import LiveServer

from tenantry.server import envoy
from tenantry.settings import SettingError, load
from tenantry.settings.secret_files import MOST_BYTES
from tenantry.settings.table import declared

KEY = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="
PAGE = ROOT / "docs" / "settings.md"
SECRETS = [f.name for f in declared() if f.metadata["secret"]]
NAMES = [f"TENANTRY_{name.upper()}" for name in SECRETS]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_names_every_secret():
    paragraph = re.search(r"Supported for\n(.*?)\. Setting both", PAGE.read_text(), re.DOTALL)[1]
    assert re.findall(r"TENANTRY_\w+", paragraph) == NAMES


def test_a_secret_stands_in_the_file_that_is_named(here):
    (here / "key").write_text(f"{KEY}\n")
    settings = load({"TENANTRY_MASTER_KEY_FILE": "key"})
    assert settings.master_key == KEY
    # A process started by this one is told the file, and not the secret.
    passed_on = settings.environment()
    assert passed_on["TENANTRY_MASTER_KEY_FILE"] == str(here / "key")
    assert KEY not in passed_on.values()
    assert load(passed_on).master_key == KEY


def test_a_file_of_settings_may_name_it_too(here):
    (here / "key").write_text(KEY)
    (here / "tenantry.toml").write_text('master_key_file = "key"\n')
    assert load({}).master_key == KEY
    other = KEY.replace("MTI=", "MTM=")
    assert load({"TENANTRY_MASTER_KEY": other}).master_key == other


def test_the_environment_comes_before_the_file_of_settings(here):
    (here / "key").write_text(KEY)
    (here / "tenantry.toml").write_text('master_key = "AAAA"\n')
    assert load({"TENANTRY_MASTER_KEY_FILE": "key"}).master_key == KEY


def test_an_empty_name_is_no_file(here):
    assert load({"TENANTRY_MASTER_KEY_FILE": ""}).master_key == ""


def test_a_link_is_followed_as_kubernetes_makes_it(here):
    (here / "..data").mkdir()
    (here / "..data" / "key").write_text(KEY)
    (here / "key").symlink_to("..data/key")
    assert load({"TENANTRY_MASTER_KEY_FILE": "key"}).master_key == KEY


@pytest.mark.parametrize("name", NAMES)
def test_each_secret_may_be_given_so(name, here):
    with pytest.raises(SettingError, match=f"^{name}_FILE: file not found: {here}/nowhere$"):
        load({f"{name}_FILE": "nowhere"})


def test_both_are_refused(here):
    (here / "key").write_text(KEY)
    message = "TENANTRY_MASTER_KEY: is also set by TENANTRY_MASTER_KEY_FILE: unset one of them"
    with pytest.raises(SettingError) as refused:
        load({"TENANTRY_MASTER_KEY_FILE": "key", "TENANTRY_MASTER_KEY": KEY})
    assert str(refused.value) == message


@pytest.mark.parametrize("name", ["TENANTRY_LISTEN_FILE", "TENANTRY_NOTHING_FILE"])
def test_only_a_secret_may(name, here):
    with pytest.raises(SettingError, match=f"^{name}: is not a setting$"):
        load({name: "file"})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"one\ntwo\n", "must contain one line of text"),
        (b"a\0b", "must contain one line of text"),
        (b"a" * (MOST_BYTES + 1), "is over 64 KiB, the limit for secrets"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_shown(content, problem, here):
    (here / "key").write_bytes(content)
    with pytest.raises(SettingError) as refused:
        load({"TENANTRY_MASTER_KEY_FILE": "key"})
    assert str(refused.value) == f"TENANTRY_MASTER_KEY_FILE: {here}/key {problem}"


def test_a_folder_and_a_pipe_are_refused(here):
    (here / "folder").mkdir()
    os.mkfifo(here / "pipe")
    with pytest.raises(SettingError, match=r"_FILE: .*folder is a directory: name a file in it$"):
        load({"TENANTRY_MASTER_KEY_FILE": "folder"})
    with pytest.raises(SettingError, match=r"_FILE: .*pipe is not a file$"):
        load({"TENANTRY_MASTER_KEY_FILE": "pipe"})


def test_a_file_that_may_not_be_read_is_named(here):
    loop = here / "loop"
    loop.symlink_to("loop")  # root, as whom tests may run, reads all but this
    with pytest.raises(SettingError, match=r"_FILE: .*loop cannot be read: "):
        load({"TENANTRY_MASTER_KEY_FILE": str(loop)})


def test_a_password_goes_into_the_url(here):
    (here / "password").write_text("p@ss/word%:\n")
    settings = load(
        {
            "TENANTRY_DATABASE_URL": "postgresql://tenantry@one:5432,two:5433/name?sslmode=require",
            "TENANTRY_DATABASE_PASSWORD_FILE": "password",
        }
    )
    expected = "postgresql://tenantry:p%40ss%2Fword%25%3A@one:5432,two:5433/name?sslmode=require"
    assert settings.database == expected
    assert "p@ss" not in repr(settings.environment())


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "requires a postgresql:// URL in TENANTRY_DATABASE_URL"),
        ("sqlite:///here.db", "requires a postgresql:// URL in TENANTRY_DATABASE_URL"),
        ("postgresql://host/name", "requires a user name in TENANTRY_DATABASE_URL"),
        (
            "postgresql://user:other@host/name",
            "is also in TENANTRY_DATABASE_URL: remove one of them",
        ),
        (
            "postgresql://user@host/name?password=x",
            "is also in TENANTRY_DATABASE_URL: remove one of them",
        ),
    ],
)
def test_a_password_that_fits_no_url_is_refused(url, problem, here):
    with pytest.raises(SettingError) as refused:
        load({"TENANTRY_DATABASE_URL": url, "TENANTRY_DATABASE_PASSWORD": "hidden"})
    assert str(refused.value) == f"TENANTRY_DATABASE_PASSWORD: {problem}"


def test_a_relative_database_in_a_file_stays_where_it_was(here):
    (here / "url").write_text("sqlite:///own/tenantry.db\n")
    settings = load({"TENANTRY_DATABASE_URL_FILE": "url"})
    environment = envoy.environment(settings)
    assert environment["TENANTRY_DATABASE_URL"] == f"sqlite:///{here}/own/tenantry.db"
    assert "TENANTRY_DATABASE_URL_FILE" not in environment


def test_a_server_keeps_secrets_out_of_its_environment(tmp_path, postgresql):
    url = postgresql.fresh()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE apart LOGIN SUPERUSER PASSWORD 'apart from it'")
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "password").write_text("apart from it\n")
    server = LiveServer(
        tmp_path,
        database_url=url.replace("//postgres:@", "//apart@"),
        database_password_file=tmp_path / "password",
        master_key_file=tmp_path / "key",
    )
    assert "//apart@" in server.environment["TENANTRY_DATABASE_URL"]
    try:
        server.start()
        environment = Path(f"/proc/{server.process.pid}/environ").read_bytes()
        assert KEY.encode() not in environment
        assert b"apart from it" not in environment
        assert server.run("key", "rotate").returncode == 0
        assert not (server.data_dir / "master.key").exists()
    finally:
        server.stop()
        postgresql.run("DROP DATABASE IF EXISTS " + postgresql.name_of(url) + " WITH (FORCE)")
        postgresql.run("DROP ROLE apart")
