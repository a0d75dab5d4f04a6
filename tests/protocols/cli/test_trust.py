"""`tenantry trust`: programs and browsers that knew nothing of our root connect, then no more."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import browsers
import httpx
import pytest
from playwright.sync_api import Error, sync_playwright
from servers import TENANTRY, LiveServer, without_settings

from tenantry.server import certificates
from tenantry.server.certificates import stores
from tenantry.settings import load


def needs(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server that has made its certificate by itself."""
    server = LiveServer(tmp_path_factory.mktemp("served")).fork()
    yield server
    server.stop()


@pytest.fixture
def machine(tmp_path):
    """The root of a system with one root certificate, laid out as Debian's."""
    needs("update-ca-certificates")
    root = tmp_path / "machine"
    for folder in (
        *("usr/local/share/ca-certificates", "usr/share/ca-certificates", "etc/ssl/certs"),
        "etc/ca-certificates/update.d",
    ):
        (root / folder).mkdir(parents=True)
    another = certificates.ensure(load({"TENANTRY_DATA_DIR": str(tmp_path / "another")}))
    shutil.copy(another.ca, root / "usr/share/ca-certificates/another.crt")
    (root / "etc/ca-certificates.conf").write_text("another.crt\n")
    return root


@pytest.fixture
def home(tmp_path):
    """The home folder of a person with Chromium and Firefox."""
    certutil = needs("certutil")
    folder = tmp_path / "home"
    for place in (".pki/nssdb", ".mozilla/firefox/ab12.default-release"):
        (folder / place).mkdir(parents=True)
        command = [certutil, "-N", "--empty-password", "-d", f"sql:{folder / place}"]
        subprocess.run(command, check=True)
    (folder / ".mozilla/firefox/Crash Reports").mkdir()
    return folder


def trust(server, *arguments: str, code: int = 0, **settings: str):
    done = server.run("trust", *arguments, "--json", **settings)
    assert done.returncode == code, done
    return json.loads(done.stdout)["stores"]


def connects(server, bundle):
    """Whether Python and curl reach the server by a bundle of roots alone."""
    if not bundle.exists() or not bundle.stat().st_size:
        return False
    context = ssl.create_default_context(cafile=str(bundle))
    try:
        by_python = httpx.get(f"{server.url}/livez", verify=context).status_code == 200
    except httpx.ConnectError:
        by_python = False
    curl = [needs("curl"), "--silent", "--cacert", bundle, f"{server.url}/livez"]
    by_curl = subprocess.run(curl, env=without_settings(), check=False).returncode == 0
    assert by_curl is by_python
    return by_python


@pytest.mark.thorough
def test_what_reads_the_systems_store_connects_and_then_no_more(served, machine, tmp_path):
    bundle = machine / "etc/ssl/certs/ca-certificates.crt"
    place = {"HOME": str(tmp_path / "nobody")}
    (before,) = trust(served, "--root", str(machine), "--check", code=1, **place)
    assert before["trusted"] is False
    assert not connects(served, bundle)

    (after,) = trust(served, "--root", str(machine), **place)
    assert (after["whose"], after["trusted"], after["problem"]) == ("the system", True, "")
    assert connects(served, bundle)
    (anchor,) = (machine / "usr/local/share/ca-certificates").iterdir()
    assert anchor.read_bytes() == served.ca.read_bytes()
    assert anchor.stat().st_mode & 0o777 == 0o644  # unlike our own folder
    assert trust(served, "--root", str(machine), **place) == [after]  # once more changes nothing

    (removed,) = trust(served, "--root", str(machine), "--remove", **place)
    assert removed["trusted"] is False
    assert not connects(served, bundle)
    assert list((machine / "usr/local/share/ca-certificates").iterdir()) == []
    assert [link for link in bundle.parent.iterdir() if not link.exists()] == []


def opens(server, home):
    """Whether Chromium, with this home folder, opens the first page without a warning."""
    if not browsers.CHROMIUM.exists():
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browsers.CHROMIUM,
            args=["--headless", "--no-sandbox", "--disable-gpu"],
            env={**os.environ, "HOME": str(home)},
        )
        try:
            page = browser.new_page()
            page.goto(server.url)
        except Error as problem:
            if "ERR_CERT_AUTHORITY_INVALID" not in str(problem):
                raise
            return False
        else:
            return page.title() == "Tenantry"
        finally:
            browser.close()


def test_browsers_open_it_without_a_warning_and_then_no_more(served, machine, home):
    arguments = ["--root", str(machine)]
    assert not opens(served, home)
    found = {one["whose"]: one for one in trust(served, *arguments, HOME=str(home))}
    assert {whose: one["trusted"] for whose, one in found.items()} == {
        "the system": True,
        "Chromium": True,
        "Firefox": True,
    }
    assert found["Firefox"]["place"].endswith("ab12.default-release")
    assert opens(served, home)
    for one in ("Chromium", "Firefox"):
        listed = subprocess.run(
            ["certutil", "-L", "-d", f"sql:{found[one]['place']}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "C,, " in listed  # for servers, and for nothing else
    found = trust(served, *arguments, "--remove", HOME=str(home))
    assert {one["trusted"] for one in found} == {False}
    assert not opens(served, home)


def test_a_browser_that_was_never_started_gets_a_database(served, machine, tmp_path):
    needs("certutil")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "chromium").symlink_to("/bin/true")
    path = f"{folder}:{os.environ['PATH']}"
    home = tmp_path / "new"
    home.mkdir()
    found = trust(served, "--root", str(machine), HOME=str(home), PATH=path)
    assert {one["whose"] for one in found} == {"the system", "Chromium"}
    assert (home / ".pki/nssdb/cert9.db").is_file()
    assert (home / ".pki").stat().st_mode & 0o777 == 0o700


def test_a_database_at_the_newer_place_stays_the_one_that_chromium_reads(
    served, machine, home, tmp_path
):
    shutil.rmtree(home / ".mozilla")
    (home / ".local/share/pki").mkdir(parents=True)
    (home / ".pki/nssdb").rename(home / ".local/share/pki/nssdb")
    (home / ".pki").rmdir()
    assert browsers.CHROMIUM.exists() or pytest.skip("chromium is not installed")
    found = trust(served, "--root", str(machine), HOME=str(home))
    places = [one["place"] for one in found if one["whose"] == "Chromium"]
    assert places == [str(home / ".local/share/pki/nssdb")]
    assert not (home / ".pki").exists()


def test_where_certutil_is_missing_the_lines_are_printed(served, home, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_ALSO_ON_PATH", "")
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_PROGRAMS, "trust", "--root", tmp_path],
        env=served.environment | {"HOME": str(home), "PATH": "/nowhere"},
        cwd=served.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "certutil is missing: install libnss3-tools (Debian)" in done.stdout
    line = next(line for line in done.stdout.splitlines() if line.startswith("  certutil"))
    subprocess.run(["bash", "-c", line], check=True)  # it is a line that works
    found = trust(served, "--root", str(tmp_path), "--check", code=1, HOME=str(home))
    assert {one["whose"]: one["trusted"] for one in found} == {"Chromium": True, "Firefox": False}


_WITHOUT_PROGRAMS = """
from tenantry.server.certificates import stores
stores._ALSO_ON_PATH = ""
from tenantry import cli
cli.main()
"""


def test_it_never_becomes_root_and_prints_what_root_does(served, tmp_path, machine):
    anchors = machine / "usr/local/share/ca-certificates"
    anchors.chmod(0o555)
    # Root that may do no more than the owner of a file.
    powerless = [needs("setpriv"), "--bounding-set=-all"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*powerless, TENANTRY, "trust", "--root", machine],
        env=served.environment | {"HOME": str(tmp_path / "nobody")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "only root may change it" in done.stdout
    assert list(anchors.iterdir()) == []
    lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("  sudo ")]
    assert len(lines) == 2
    anchors.chmod(0o755)
    for line in lines:
        subprocess.run(["bash", "-c", line.removeprefix("sudo ")], check=True)
    assert connects(served, machine / "etc/ssl/certs/ca-certificates.crt")


def test_under_sudo_it_says_whose_browsers_these_are(served, machine, tmp_path):
    done = served.run(
        *("trust", "--root", str(machine)), HOME=str(tmp_path / "root"), SUDO_USER="ada"
    )
    assert done.returncode == 0, done.stderr
    assert "For those of ada, run this without sudo" in done.stdout


def test_a_certificate_of_ones_own_needs_none_of_ours(served, tmp_path):
    chain, key = (served.data_dir / "tls" / name for name in ("server.pem", "server-key.pem"))
    done = served.run("trust", TENANTRY_TLS_CERT=str(chain), TENANTRY_TLS_KEY=str(key))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tenantry: TENANTRY_TLS_CERT is set")


def test_before_the_first_start_there_is_nothing_to_trust(tmp_path):
    done = LiveServer(tmp_path).run("trust")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the first start creates it" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails_is_told_by_what_it_says(served, machine, tmp_path):
    shutil.rmtree(machine / "etc/ssl")
    (machine / "etc/ssl").touch()
    (one,) = trust(served, "--root", str(machine), code=1, HOME=str(tmp_path / "nobody"))
    assert one["problem"].startswith("update-ca-certificates: ")


def test_what_could_not_be_taken_out_is_in(served, machine, tmp_path):
    place = {"HOME": str(tmp_path / "nobody")}
    trust(served, "--root", str(machine), **place)
    (machine / "etc/ssl").rename(machine / "etc/ssl-kept")
    (machine / "etc/ssl").touch()
    (one,) = trust(served, "--root", str(machine), "--remove", code=1, **place)
    assert one["trusted"] is True
    assert one["problem"].startswith("update-ca-certificates: ")
    assert one["commands"]
    (machine / "etc/ssl").unlink()
    (machine / "etc/ssl-kept").rename(machine / "etc/ssl")
    trust(served, "--root", str(machine), "--remove", **place)
    assert not connects(served, machine / "etc/ssl/certs/ca-certificates.crt")


def test_a_database_with_a_password_is_not_said_to_trust(served, home, tmp_path):
    """certutil takes the root in without it, and then has it trusted for nothing."""
    place, password = home / ".mozilla/firefox/ab12.default-release", tmp_path / "password"
    password.write_text("correct horse\n")
    shutil.rmtree(place)
    place.mkdir()
    certutil = [needs("certutil"), "-d", f"sql:{place}"]
    subprocess.run([*certutil, "-N", "-f", str(password)], check=True)
    image = tmp_path / "image"
    image.mkdir()
    found = trust(served, "--root", str(image), code=1, HOME=str(home))
    chromium, firefox = found
    assert (chromium["trusted"], chromium["commands"]) == (True, [])
    assert firefox["trusted"] is False
    assert "password" in firefox["problem"]
    listed = subprocess.run([*certutil, "-L"], capture_output=True, text=True, check=True).stdout
    assert "tenantry-" not in listed
    (line,) = firefox["commands"]
    subprocess.run(["bash", "-c", f"{line} -f {password}"], check=True)
    found = trust(served, "--root", str(image), "--check", HOME=str(home))
    assert [one["trusted"] for one in found] == [True, True]


def test_the_browser_of_another_user_does_not_hide_ones_own(served, home, tmp_path):
    if os.getuid():
        pytest.skip("only root can give a folder to another user")
    for place in (home / ".mozilla/firefox/ab12.default-release", home / ".local/share/pki"):
        place.mkdir(parents=True, exist_ok=True)
        os.chown(place, 65534, 65534)
        place.chmod(0o700)
    image = tmp_path / "image"
    image.mkdir()
    done = subprocess.run(
        [needs("setpriv"), "--bounding-set=-all", TENANTRY, "trust", "--json", "--root", image],
        env=served.environment | {"HOME": str(home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (one,) = json.loads(done.stdout)["stores"]
    assert (one["place"], one["trusted"]) == (str(home / ".pki/nssdb"), True)


def test_on_macos_it_is_the_key_chain_of_the_user(served, tmp_path, monkeypatch):
    """By a stand-in for `security`, which there is on macOS alone."""
    log, program = tmp_path / "log", tmp_path / "security"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {log}\n'
        f'case "$1" in verify-cert) test -e {tmp_path}/in;;'
        f" add-trusted-cert) touch {tmp_path}/in;; remove-trusted-cert) rm {tmp_path}/in;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "platform", "darwin")
    (store,) = stores.of_machine(Path("/"), tmp_path)
    root = stores.Root.of(served.ca)
    assert (store.whose, store.obstacle, store.has(root)) == ("macOS", "", False)
    store.add(root)
    assert store.has(root)
    store.remove(root)
    assert not store.has(root)
    chain = tmp_path / "Library/Keychains/login.keychain-db"
    told = log.read_text().splitlines()
    assert f"add-trusted-cert -r trustRoot -p ssl -k {chain} {served.ca}" in told
    assert f"remove-trusted-cert {served.ca}" in told
