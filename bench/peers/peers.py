"""Servers that people would use instead, each as its documentation sets it up.

All have one small interface. A further one is a subclass of `Peer` and a line in `PEERS`: how it is
installed and started, and by which requests it does the same work.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
from serving import OURS

if TYPE_CHECKING:
    from listening import Database

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "peers"
START_LIMIT = 180.0
# get one, list 30, change name and metadata, create one.
OPS = ("get", "list", "change", "create")
_METADATA = {"plan": "enterprise", "seats": "250", "synced": "{serial}"}


@dataclass(frozen=True)
class Request:
    """A request of an operation; `{serial}` in its body is another text each time."""

    verb: str
    path: str
    body: dict[str, Any] | None = None
    token: str = ""  # if it is not that of all

    def line(self) -> str:
        """Return it as `bench/load -op send` reads it."""
        body = "" if self.body is None else json.dumps(self.body)
        parts = (self.verb, self.path, "application/json" if body else "", body)
        return "\t".join((*parts, self.token) if self.token else parts)


class Peer:
    """A server of one of them, with a folder, a database and a port of its own."""

    name: ClassVar[str]
    ready: ClassVar[str]  # a path that answers once it works
    # Differences of the work, for the page.
    differs: ClassVar[str] = ""

    def __init__(self, folder: Path, database: Database) -> None:
        folder.mkdir()
        self.folder, self.database = folder, database
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=60)
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def install(cls) -> str:
        """Install it below `BUILD`, if it is not there; return why that cannot be, or nothing."""
        return ""

    def version(self) -> str:
        """Return which version this is, and of what it runs on."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return how it is started."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return what it finds in its environment beside ours."""
        return {}

    def seed(self, count: int) -> dict[str, list[Request]]:
        """Create so many organizations by its API; return the requests of each operation."""
        raise NotImplementedError

    def token(self) -> str:
        """Return a fresh access token for the requests that have none of their own."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process that was started; the others are its descendants."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> float:
        """Start it; return the seconds from exec to its first answer."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TENANTRY_")}
        with (self.folder / "server.log").open("ab") as log:
            began = time.perf_counter()
            self.process = subprocess.Popen(
                self.command(),
                env=inherited | self.environment(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while True:
            with suppress(httpx.TransportError):
                if self.http.get(self.ready).is_success:
                    return time.perf_counter() - began
            if self.process.poll() is not None or time.perf_counter() - began > START_LIMIT:
                raise SystemExit(f"bench: {self.name} does not answer\n{self.last_words()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Ask it to end; the rest of its session is killed then."""
        if self.process is None:
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(
            (self.folder / "server.log").read_text(errors="replace").splitlines()[-20:]
        )

    def ask(self, verb: str, path: str, *, token: str = "", **further: Any) -> Any:
        """Make a call of the preparation; return what it answers, as JSON if it is."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.http.cookies.clear()  # a program keeps none
        answer = self.http.request(verb, path, headers=headers, **further)
        if not answer.is_success:
            said = f"{answer.status_code} {answer.text[:300]}"
            raise SystemExit(f"bench: {self.name} answers {verb} {path} with {said}")
        return answer.json() if answer.content else answer.headers


class Tenantry(Peer):
    """This tree."""

    name = "Tenantry"
    ready = "/keys"

    def version(self) -> str:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=HERE,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() or "this tree"

    def command(self) -> list[str]:
        return [str(OURS.command), "serve"]

    def environment(self) -> dict[str, str]:
        return {
            "TENANTRY_LISTEN": f"127.0.0.1:{self.port}",
            "TENANTRY_PUBLIC_URL": f"https://localhost:{self.port}",
            "TENANTRY_DATA_DIR": str(self.folder / "data"),
            "TENANTRY_DATABASE_URL": self.database.url(),
            "TENANTRY_SIMULATOR": "false",
        }

    @cached_property
    def _client(self) -> dict[str, str]:
        path = self.folder / "data" / "credentials.json"
        return json.loads(path.read_text())

    def token(self) -> str:
        form = {"grant_type": "client_credentials"} | {
            name: self._client[name] for name in ("client_id", "client_secret")
        }
        return self.ask("POST", "/oauth/token", data=form)["access_token"]

    def seed(self, count: int) -> dict[str, list[Request]]:
        path, token = "/api/v1/organizations", self.token()
        ids = []
        for number in range(count):
            body = {"display_name": f"Acme {number}", "external_id": f"crm-{number}"}
            made = self.ask("POST", path, token=token, json=body)
            ids.append(made["organization"]["id"])
        change = {"display_name": "Acme {serial}", "metadata": _METADATA}
        create = change | {"external_id": "crm-{serial}"}
        return {
            "get": [Request("GET", f"{path}/{one}") for one in ids],
            "list": [Request("GET", f"{path}?page_size=30")] * count,
            "change": [Request("PATCH", f"{path}/{one}", change) for one in ids],
            "create": [Request("POST", path, create)] * count,
        }


class ByHand(Peer):
    """A FastAPI application, as a team would write it."""

    name = "FastAPI, by hand"
    ready = "/openapi.json"
    differs = "only organizations; each change writes an event in the same transaction"

    _PYTHON = BUILD / "by_hand" / "bin" / "python"

    @classmethod
    def install(cls) -> str:
        done = BUILD / "by_hand" / HERE.joinpath("by_hand.txt").name
        wanted = HERE.joinpath("by_hand.txt")
        if not done.is_file() or done.read_text() != wanted.read_text():
            subprocess.run([sys.executable, "-m", "venv", BUILD / "by_hand"], check=True)
            pip = [cls._PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "install", "--requirement", wanted], check=True)
            shutil.copy(wanted, done)
        return ""

    def version(self) -> str:
        pinned = dict(line.split("==") for line in HERE.joinpath("by_hand.txt").read_text().split())
        return f"FastAPI {pinned['fastapi']}, SQLAlchemy {pinned['sqlalchemy[asyncio]']}, uvicorn"

    def command(self) -> list[str]:
        served = ["by_hand:app", "--app-dir", str(HERE), "--no-access-log"]
        return [str(self._PYTHON), "-m", "uvicorn", *served, "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database.url("postgresql+asyncpg"), "CLIENT_SECRET": "bench"}

    def token(self) -> str:
        return self.ask("POST", "/token", params={"secret": "bench"})["access_token"]

    def seed(self, count: int) -> dict[str, list[Request]]:
        path, token = "/organizations", self.token()
        ids = []
        for number in range(count):
            body = {"display_name": f"Acme {number}", "external_id": f"crm-{number}"}
            ids.append(self.ask("POST", path, token=token, json=body)["id"])
        change = {"display_name": "Acme {serial}", "metadata": _METADATA}
        create = change | {"external_id": "crm-{serial}"}
        return {
            "get": [Request("GET", f"{path}/{one}") for one in ids],
            "list": [Request("GET", f"{path}?page_size=30")] * count,
            "change": [Request("PATCH", f"{path}/{one}", change) for one in ids],
            "create": [Request("POST", path, create)] * count,
        }


class BetterAuth(Peer):
    """Better Auth and its organizations, in Node.js."""

    name = "Better Auth"
    ready = "/api/auth/ok"
    differs = (
        "callers are users with a session, each initially the owner of five organizations; the "
        "list contains the 30 organizations of a user; no events are stored"
    )

    _USERS, _EACH, _LISTED = 64, 5, 30

    @classmethod
    def install(cls) -> str:
        if shutil.which("npm") is None:
            return "needs Node.js and npm"
        folder, source = BUILD / "better_auth", HERE / "better_auth"
        wanted = source.joinpath("package.json").read_bytes()
        package = folder / "package.json"
        if not package.is_file() or package.read_bytes() != wanted:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / "package-lock.json", folder)
            shutil.copy(source / "package.json", folder)
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True)
        shutil.copy(source / "server.mjs", folder)
        return ""

    def version(self) -> str:
        pinned = json.loads(HERE.joinpath("better_auth", "package.json").read_text())
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        return f"{pinned['dependencies']['better-auth']}, Node.js {node.stdout.strip()}"

    def command(self) -> list[str]:
        return ["node", str(BUILD / "better_auth" / "server.mjs")]

    def environment(self) -> dict[str, str]:
        return {
            "PORT": str(self.port),
            "DATABASE_URL": self.database.url(),
            "BETTER_AUTH_SECRET": "of-32-characters-for-measurements",
            "NODE_ENV": "production",
        }

    def token(self) -> str:
        return "unused"  # each request has its own

    def seed(self, count: int) -> dict[str, list[Request]]:
        path = "/api/auth/organization"
        found: dict[str, list[Request]] = {op: [] for op in OPS}
        people = max(count // self._EACH, self._USERS)
        for person in range(people):
            body = {"email": f"p{person}@example.com", "password": "a password", "name": "Ada"}
            token = self.ask("POST", "/api/auth/sign-up/email", json=body)["token"]
            for number in range(self._EACH):
                body = {"name": f"Acme {number}", "slug": f"crm-{person}-{number}"}
                made = self.ask("POST", f"{path}/create", token=token, json=body)
                where = f"organizationId={made['id']}"
                data = {"name": "Acme {serial}", "metadata": _METADATA}
                change = {"organizationId": made["id"], "data": data}
                found["get"].append(Request("GET", f"{path}/get-organization?{where}", token=token))
                found["change"].append(Request("POST", f"{path}/update", change, token))
            create = {"name": "Acme {serial}", "slug": "new-{serial}", "metadata": _METADATA}
            found["create"].append(Request("POST", f"{path}/create", create, token))
        for person in range(self._USERS):
            body = {"email": f"l{person}@example.com", "password": "a password", "name": "Ada"}
            token = self.ask("POST", "/api/auth/sign-up/email", json=body)["token"]
            for number in range(self._LISTED):
                body = {"name": f"Acme {number}", "slug": f"l-{person}-{number}"}
                self.ask("POST", f"{path}/create", token=token, json=body)
            found["list"].append(Request("GET", f"{path}/list", token=token))
        return found


class Keycloak(Peer):
    """Keycloak and its organizations, in Java."""

    name = "Keycloak"
    ready = "/realms/master"
    differs = (
        "organizations have an immutable alias and a domain; a change sends the whole "
        "organization; the cache is local, and admin events are off"
    )

    _VERSION = "26.4.2"
    _HOME = BUILD / f"keycloak-{_VERSION}"

    @classmethod
    def install(cls) -> str:
        if shutil.which("mvn") is None or shutil.which("java") is None:
            return "needs Java and Maven"
        if cls._HOME.joinpath("bin", "built").is_file():
            return ""
        BUILD.mkdir(parents=True, exist_ok=True)
        what = f"org.keycloak:keycloak-quarkus-dist:{cls._VERSION}:zip"
        plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
        got = subprocess.run(
            ["mvn", "-q", plugin, f"-Dartifact={what}", f"-DoutputDirectory={BUILD}"], check=False
        )
        if got.returncode:
            return "Maven does not serve it"
        archive = BUILD / f"keycloak-quarkus-dist-{cls._VERSION}.zip"
        shutil.unpack_archive(archive, BUILD)
        archive.unlink()
        for script in cls._HOME.joinpath("bin").glob("*.sh"):
            script.chmod(0o755)
        build = [cls._HOME / "bin" / "kc.sh", "build", "--db=postgres"]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        cls._HOME.joinpath("bin", "built").touch()
        return ""

    def version(self) -> str:
        done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
        return f"{self._VERSION}, {done.stderr.splitlines()[0]}"

    def command(self) -> list[str]:
        options = ("--optimized", "--cache=local", "--http-enabled=true", "--hostname-strict=false")
        where = ("--http-host=127.0.0.1", f"--http-port={self.port}")
        return [str(self._HOME / "bin" / "kc.sh"), "start", *options, *where]

    def environment(self) -> dict[str, str]:
        return {
            "KC_DB_URL": self.database.url("jdbc:postgresql", credentials=False),
            "KC_DB_USERNAME": self.database.user,
            "KC_DB_POOL_MAX_SIZE": "10",
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin",
        }

    def token(self) -> str:
        form = {"grant_type": "password", "client_id": "admin-cli"}
        form |= {"username": "admin", "password": "admin"}
        path = "/realms/master/protocol/openid-connect/token"
        return self.ask("POST", path, data=form)["access_token"]

    def seed(self, count: int) -> dict[str, list[Request]]:
        realm = "/admin/realms/master"
        lasting = {"organizationsEnabled": True, "accessTokenLifespan": 7200}
        self.ask("PUT", realm, token=self.token(), json=lasting)
        path, token = f"{realm}/organizations", self.token()
        found: dict[str, list[Request]] = {op: [] for op in OPS}
        values = {name: [value] for name, value in _METADATA.items()}
        for number in range(count):
            domains = [{"name": f"a{number}.example.com"}]
            body = {"name": f"Acme {number}", "alias": f"crm-{number}", "domains": domains}
            where = self.ask("POST", path, token=token, json=body)["location"].rpartition("/")[2]
            change = body | {"id": where, "name": "Acme {serial}", "attributes": values}
            found["get"].append(Request("GET", f"{path}/{where}"))
            found["change"].append(Request("PUT", f"{path}/{where}", change))
        create = {"name": "Acme {serial}", "alias": "new-{serial}", "attributes": values}
        create["domains"] = [{"name": "d{serial}.example.com"}]
        found["list"] = [Request("GET", f"{path}?first=0&max=30")] * count
        found["create"] = [Request("POST", path, create)] * count
        return found


PEERS: tuple[type[Peer], ...] = (Tenantry, ByHand, BetterAuth, Keycloak)
