"""The master key: one for all that make it at once, and only whole."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenantry import master_key
from tenantry.settings import SettingError, load


@pytest.fixture
def settings(tmp_path):
    return load({"TENANTRY_DATA_DIR": str(tmp_path / "data")})


def test_it_is_made_once_and_for_its_owner_alone(settings):
    key = master_key.load(settings)
    assert len(key) == 32
    assert master_key.load(settings) == key
    assert master_key.file(settings).stat().st_mode & 0o777 == 0o600
    assert list(settings.data_dir.iterdir()) == [master_key.file(settings)]


def test_all_who_make_it_at_once_get_the_same(settings, monkeypatch):
    numbers = iter(range(100))
    monkeypatch.setattr("os.getpid", lambda: next(numbers))  # as if each were a process
    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(lambda _: master_key.load(settings), range(16)))
    assert len(keys) == 1
    assert list(settings.data_dir.iterdir()) == [master_key.file(settings)]


@pytest.mark.parametrize("content", ["", "no base64!", base64.b64encode(b"short").decode()])
def test_a_file_with_something_else_is_named(settings, content):
    settings.data_dir.mkdir()
    master_key.file(settings).write_text(content)
    with pytest.raises(SettingError, match=r"^TENANTRY_MASTER_KEY: .*master\.key does not hold"):
        master_key.load(settings)


def test_a_setting_goes_before_the_file(tmp_path):
    given = base64.b64encode(bytes(32)).decode()
    found = load({"TENANTRY_DATA_DIR": str(tmp_path / "data"), "TENANTRY_MASTER_KEY": given})
    assert master_key.load(found) == bytes(32)
    assert not (tmp_path / "data").exists()
