"""The servers that a URL of PostgreSQL names, as libpq reads it; and those that it cannot name."""

from __future__ import annotations

import pytest

from tenantry.settings import SettingError, load
from tenantry.settings.servers import read, to_text

# The rest of a URL after "postgresql://", and the servers that it means.
NAMED = [
    ("/name", []),
    ("user:word@/name?host=/run/postgresql", [("/run/postgresql", None)]),
    ("user@one/name", [("one", None)]),
    ("user@one:6432/name", [("one", 6432)]),
    ("user@one,two,three/name", [("one", None), ("two", None), ("three", None)]),
    ("user@one:1,two:2/name", [("one", 1), ("two", 2)]),
    ("user@one,two:2/name", [("one", None), ("two", 2)]),
    ("user@[::1]/name", [("::1", None)]),
    ("user@[2001:db8::1]:1,[2001:db8::2]:2/name", [("2001:db8::1", 1), ("2001:db8::2", 2)]),
    ("user@one:1,[::1]:2/name", [("one", 1), ("::1", 2)]),
    ("user@%2Frun%2Fone,%2Frun%2Ftwo:2/name", [("/run/one", None), ("/run/two", 2)]),
    ("user@/name?host=one,two&port=1,2", [("one", 1), ("two", 2)]),
    ("user@/name?host=one,two&port=1", [("one", 1), ("two", 1)]),
    ("user@/name?host=/run/one,[::1]:2", [("/run/one", None), ("::1", 2)]),
    ("user@one,two/name?port=1,2", [("one", 1), ("two", 2)]),
    ("us%40er:p%2Cw%40@one,two", [("one", None), ("two", None)]),
    ("user@192.0.2.1,192.0.2.2:5433?sslmode=require", [("192.0.2.1", None), ("192.0.2.2", 5433)]),
]


@pytest.mark.parametrize(("text", "servers"), NAMED)
def test_servers_are_read_as_libpq_reads_them(text, servers):
    assert list(read(f"postgresql://{text}").servers) == servers
    assert load({"TENANTRY_DATABASE_URL": f"postgresql://{text}"}).database.endswith(text)


def test_all_else_is_left_for_the_driver():
    url = "postgresql://us%40er:p%2Cw@one:1,[::1]:2/name?sslmode=verify-full&options=-c%20a%3Db"
    assert read(url).rest == (
        "postgresql://us%40er:p%2Cw@/name?sslmode=verify-full&options=-c%20a%3Db"
    )
    assert read(f"{url}&target_session_attrs=primary").rest == read(url).rest
    assert read("postgresql://one,two?port=1").rest == "postgresql://"
    assert read("postgresql:///name?port=1").rest == "postgresql:///name?port=1"


def test_of_several_the_one_that_takes_changes_is_wanted():
    assert read("postgresql://one/x").wanted == "any"
    assert read("postgresql://one,two/x").wanted == "read-write"
    assert read("postgresql://one,two/x?target_session_attrs=any").wanted == "any"
    assert read("postgresql://one/x?target_session_attrs=primary").wanted == "primary"


WRONG = [
    ("one,,two/x", "empty host"),
    ("one,/x", "empty host"),
    ("user@:5432/x", "empty host"),
    ("one:0/x", "port '0' is not between 1 and 65535"),
    ("one:65536,two/x", "port '65536'"),
    ("one:x,two/x", "port 'x'"),
    ("one:٣/x", "port '٣'"),
    ("::1/x", "put it in brackets, such as [::1]:5432"),
    ("[one]/x", "has no IPv6 address"),
    ("[::1/x", "is not a host name or address"),
    ("[::1]5432/x", "is not a host name or address"),
    ("one two/x", "is not a host name or address"),
    ("user:p@ss@one/x", "encode it as %40"),
    ("one,two/x?port=1,2,3", "has 2 hosts but 3 ports"),
    ("one/x?host=two", "names its hosts twice"),
    ("one,two/x?target_session_attrs=standby", "is read-write or primary or any here"),
    ("one,two/x?target_session_attrs=readwrite", "is read-write or primary or any here"),
    ("one,two/x?connect_timeout=3", "does not support ?connect_timeout="),
    ("one,two/x?load_balance_hosts=random", "does not support ?load_balance_hosts="),
    (",".join(["one"] * 17), "more than 16"),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_a_url_that_names_no_servers_is_refused_by_its_name(text, sentence):
    with pytest.raises(SettingError) as refused:
        load({"TENANTRY_DATABASE_URL": f"postgresql://{text}"})
    assert str(refused.value).startswith("TENANTRY_DATABASE_URL: ")
    assert sentence in str(refused.value)
    assert "p@ss" not in str(refused.value)


def test_a_server_is_shown_as_a_url_names_it():
    assert [to_text(one) for one in [("one", None), ("::1", 2), ("one", 1), ("/run", None)]] == [
        "one",
        "[::1]:2",
        "one:1",
        "/run",
    ]
