"""A list of breached passwords is a sorted file of any size, looked into in place."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.identity.authenticators.passwords.breached import BreachedPasswords
from tenantry.settings import SettingError


def sha1(word):
    return hashlib.sha1(word.encode()).hexdigest().upper()


def written(path, words, *, end="\n", count="", last=True, mark=""):
    text = end.join(sorted(sha1(word) + count for word in words))
    path.write_bytes((mark + text + (end if last else "")).encode())
    return BreachedPasswords(path)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("count", ["", ":3", ":99999999"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_line_is_found_whatever_ends_it(tmp_path, end, count, last, mark):
    words = [f"password{n}" for n in range(50)]
    found = written(tmp_path / "list", words, end=end, count=count, last=last, mark=mark)
    assert all(word in found for word in words)
    assert not any(f"{word}x" in found for word in words)


def test_a_list_of_200000_lines_is_searched_and_not_read(tmp_path):
    words = [f"word{n}" for n in range(200_000)]
    lines = sorted(sha1(word) for word in words)
    # As lists are when they were put together by hand: counts here and there, ends of both kinds.
    ends = ("\n", "\r\n", ":7\n", ":12345\r\n")
    path = tmp_path / "list"
    path.write_text("".join(line + ends[n % 4] for n, line in enumerate(lines)), newline="")
    found = BreachedPasswords(path)
    for n in range(0, 200_000, 97):
        assert f"word{n}" in found
        assert f"word{n}." not in found
    ranked = {sha1(word): word for word in words}
    assert ranked[lines[0]] in found
    assert ranked[lines[-1]] in found


@given(
    st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1), st.data()
)
def test_what_is_in_the_list_and_nothing_else_is_found(tmp_path_factory, words, data):
    path = tmp_path_factory.getbasetemp() / "breached"
    end, count = data.draw(st.sampled_from(["\n", "\r\n"])), data.draw(st.sampled_from(["", ":1"]))
    found = written(path, words, end=end, count=count, last=data.draw(st.booleans()))
    other = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
    assert all(word in found for word in words)
    assert (other in found) == (other in words)


def test_a_newer_list_takes_its_place_while_the_server_runs(tmp_path):
    found = written(tmp_path / "list", ["old"])
    written(tmp_path / "newer", ["new"])
    (tmp_path / "newer").replace(tmp_path / "list")
    assert "new" in found
    assert "old" not in found


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"password\n", b"x" * 1000, sha1("a").lower().encode(), b"\x1f\x8b" * 50],
)
def test_a_file_that_is_no_list_is_found_at_start(tmp_path, content):
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(SettingError, match="TENANTRY_BREACHED_PASSWORDS: does not begin with"):
        BreachedPasswords(tmp_path / "list")
