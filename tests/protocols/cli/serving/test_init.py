"""`tenantry init`: registers an application once, and writes a project that nothing overwrites."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import httpx
import pytest
from apis import unique
from quickstart_projects import init
from repository import ROOT

from tenantry.cli.projects.frameworks import FRAMEWORKS

EXAMPLES = ROOT / "examples"


def refusal(server, *arguments: str) -> str:
    done = server.run("init", *arguments)
    assert (done.returncode, done.stdout) == (1, ""), done
    return done.stderr.removeprefix("tenantry: ").strip()


def variables(project):
    """The variables of a project as a shell reads them."""
    script = "set -a; . ./.env; set +a; env -0"
    done = subprocess.run(["sh", "-c", script], cwd=project, capture_output=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)


def clients(server):
    done = server.run("client", "list", "--json", "--limit", "1000")
    return {one["client_id"]: one for one in json.loads(done.stdout)}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_project_is_the_example_with_its_credentials(live_server, tmp_path, framework):
    url = f"http://{unique()}.localhost:9000"
    project = tmp_path / "it's mine"
    made = init(live_server, framework, project, url)
    example = EXAMPLES / f"quickstart-{framework}"
    listed = subprocess.run(
        ["git", "ls-files", "."], cwd=example, capture_output=True, text=True, check=True
    ).stdout.split()
    written = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert written == {*listed, ".env", ".gitignore"}
    for name in set(listed) - {"README.md"}:
        assert (project / name).read_bytes() == (example / name).read_bytes(), name

    assert (project / ".env").stat().st_mode & 0o777 == 0o600
    assert ".env" in (project / ".gitignore").read_text().splitlines()
    found = variables(project)
    assert found["SCALEKIT_ENVIRONMENT_URL"] == live_server.url
    assert found["SCALEKIT_CLIENT_ID"] == made["client_id"]
    assert (found["APP_URL"], found["PORT"]) == (url, "9000")
    assert len(found["SESSION_SECRET"]) == 64
    assert Path(found["SSL_CERT_FILE"]).is_file()
    client = clients(live_server)[made["client_id"]]
    assert client["management_scopes"] == ["users:read"]

    readme = (project / "README.md").read_text()
    for command in made["commands"][1:]:
        assert f"\n{command}\n" in readme
    assert "tenantry init fastapi" not in readme
    assert "](../" not in readme
    for link in re.findall(r"\]\((https:[^)#]+)", readme):
        assert httpx.get(link, verify=live_server.trust).status_code == 200, link
    assert made["commands"][0] == f"cd {shlex.quote(str(project))}"


def test_the_secret_gets_a_token_and_reads_users_only(live_server, tmp_path):
    made = init(live_server, "fastapi", tmp_path / "app", f"http://{unique()}.localhost:9000")
    secret = variables(tmp_path / "app")["SCALEKIT_CLIENT_SECRET"]
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as http:
        form = {"grant_type": "client_credentials"}
        answer = http.post("/oauth/token", data=form, auth=(made["client_id"], secret))
        token = answer.raise_for_status().json()["access_token"]
        http.headers["authorization"] = f"Bearer {token}"
        assert http.get("/api/v1/users").status_code == 200
        denied = http.post("/api/v1/organizations", json={"display_name": "Not allowed"})
        assert denied.status_code == 403


@pytest.mark.thorough
def test_an_application_of_the_same_name_and_redirect_uri_is_reused(live_server, tmp_path):
    url, name = f"http://{unique()}.localhost:9000", unique("Shop")
    first = init(live_server, "express", tmp_path / "one", url, "--name", name)
    again = init(live_server, "express", tmp_path / "two", url, "--name", name)
    assert (first["created"], again["created"]) == (True, False)
    assert first["client_id"] == again["client_id"]
    secrets = {variables(tmp_path / each)["SCALEKIT_CLIENT_SECRET"] for each in ("one", "two")}
    assert len(secrets) == 2
    other = init(live_server, "express", tmp_path / "three", url, "--name", unique("Other"))
    assert other["client_id"] != first["client_id"]
    moved = init(live_server, "express", tmp_path / "four", f"{url[:-4]}9001", "--name", name)
    assert moved["client_id"] not in {first["client_id"], other["client_id"]}

    # An application has two active secrets at most.
    options = ("--url", url, "--name", name)
    problem = refusal(live_server, "express", str(tmp_path / "five"), *options)
    assert f"`tenantry client rotate {first['client_id']} --now`" in problem
    assert not (tmp_path / "five").exists()
    live_server.run("client", "rotate", first["client_id"], "--now")
    assert init(live_server, "express", tmp_path / "five", url, "--name", name)


@pytest.mark.thorough
def test_nothing_is_overwritten(live_server, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    init(live_server, "go", folder, f"http://{unique()}.localhost:9000")  # an empty folder
    before = clients(live_server).keys()
    for framework in ("go", "django"):
        problem = refusal(live_server, framework, str(folder))
        assert problem == f"{folder} is not empty: name another folder, or remove it"
    file = folder / "go.mod"
    assert refusal(live_server, "go", str(file)) == f"{file} is not a folder: name another one"
    nowhere = tmp_path / "missing" / "app"
    assert f"{nowhere.parent} does not exist" in refusal(live_server, "go", str(nowhere))
    assert clients(live_server).keys() == before
    assert {path.name for path in tmp_path.iterdir()} == {"app"}


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://x", "http://", "http://x/y", "http://x?y", "http://x:y", "/"]
)
def test_a_url_has_a_host_and_no_path(live_server, tmp_path, url):
    problem = refusal(live_server, "go", str(tmp_path / "app"), "--url", url)
    assert problem == f"--url: must be like http://localhost:8000, got {url}"
    assert not (tmp_path / "app").exists()


def test_a_name_that_the_api_rejects_leaves_nothing(live_server, tmp_path):
    problem = refusal(live_server, "go", str(tmp_path / "app"), "--name", "x" * 129)
    assert "name: must be at most 128 characters" in problem
    assert not (tmp_path / "app").exists()


def test_the_frameworks_are_listed(live_server):
    assert refusal(live_server) == f"name a framework: {', '.join(FRAMEWORKS)}"
    problem = refusal(live_server, "rails")
    assert problem == f"unknown framework rails: use {', '.join(FRAMEWORKS)}"
    done = live_server.run("init", "--list")
    assert done.returncode == 0
    for framework in FRAMEWORKS.values():
        assert framework.title in done.stdout
    listed = json.loads(live_server.run("init", "--list", "--json").stdout)
    assert [one["name"] for one in listed] == [*FRAMEWORKS]


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=FRAMEWORKS)
def test_the_readme_of_the_example_has_the_same_commands(framework):
    readme = (EXAMPLES / framework.example / "README.md").read_text(encoding="utf-8")
    commands = "\n".join(framework.commands(8000))
    assert f"tenantry init {framework.name}\ncd {framework.example}\n{commands}\n```" in readme
