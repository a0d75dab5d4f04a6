"""The output of commands: to closed streams, full disks, pipes and terminals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess

import commands
import pytest
from servers import TENANTRY, without_settings

from tenantry.cli.output import printing


def run(folder, command: str):
    """Run a line of bash in which `tenantry` is the program."""
    return subprocess.run(
        ["bash", "-c", f'tenantry() {{ {TENANTRY} "$@"; }}; {command}'],
        cwd=folder,
        env=without_settings(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("command", "code", "out", "err"),
    [
        ("tenantry log find req_1 <&-", 1, "", "tenantry: no log line contains req_1\n"),
        ("tenantry log find req_1 2>&-", 1, "", ""),
        ("tenantry --version >&-", 1, "", "tenantry: Bad file descriptor\n"),
        ("tenantry --version >/dev/full", 1, "", "tenantry: No space left on device\n"),
        ("tenantry --help >/dev/full", 1, "", "tenantry: No space left on device\n"),
        ("tenantry org list <&- >&- 2>&-", 1, "", ""),
        ("tenantry --help | head -n 1 >/dev/null; exit ${PIPESTATUS[1]}", 0, "", ""),
    ],
)
def test_a_stream_that_is_closed_or_full_is_told_of_once(tmp_path, command, code, out, err):
    done = run(tmp_path, command)
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "error", "says"),
    [
        (["org", "show", "--json"], 2, "USAGE", "Missing argument 'ORGANIZATION'; see `tenantry o"),
        (["org", "list", "--limit", "x", "--json"], 2, "USAGE", "Invalid value for '--limit'"),
        (["org", "list", "--json"], 1, "FAILED", "no database at "),
    ],
)
def test_with_json_a_failure_is_json_too(tmp_path, arguments, code, error, says):
    done = commands.run(*arguments, cwd=tmp_path, environment=without_settings())
    told = json.loads(done.stdout)
    assert (done.returncode, told["error"]) == (code, error)
    assert told["error_description"].startswith(says)
    assert done.stderr == f"tenantry: {told['error_description']}\n"


def test_a_wrong_setting_is_json_too(tmp_path):
    environment = without_settings() | {"TENANTRY_LISTEN": "x"}
    done = commands.run("org", "list", "--json", cwd=tmp_path, environment=environment)
    assert (done.returncode, json.loads(done.stdout)["error"]) == (2, "SETTING")


def test_an_interruption_is_130_without_a_word(tmp_path):
    with subprocess.Popen(
        [TENANTRY, "log", "find", "req_1", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"req_1\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"req_1\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


HOSTILE = "A\x1b[2J\x9b31m\u202eB\x7f\u2066C \U000e0041"
SHOWN = "A\ufffd[2J\ufffd31m\ufffdB\ufffd\ufffdC \ufffd"


def test_nothing_that_a_terminal_obeys_is_printed():
    assert printing.plain(HOSTILE) == SHOWN
    assert printing.plain("a\nb\r\tc") == "a\ufffdb\ufffd\ufffdc"
    written = printing.as_json({"name": HOSTILE})
    assert printing.plain(written) == written
    assert json.loads(written) == {"name": HOSTILE}


@pytest.mark.parametrize(
    "text",
    ["", "Größe", "l\u2019\xe9quipe\xa0:\u202f3", "山田\u3000太郎", "👩\u200d🔧", "می\u200cخواهم"],
)
def test_what_people_write_is_printed_as_it_is(text):
    assert printing.plain(text) == text
    assert text in json.loads(printing.as_json([text]))
    assert text in printing.as_json([text])


@pytest.mark.thorough
def test_bytes_of_a_file_are_shown_on_a_terminal_and_kept_in_a_pipe(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(f"req_1 {HOSTILE}\r\n".encode() + b"req_1 \xff\n")
    main, terminal = pty.openpty()
    done = subprocess.run(
        [TENANTRY, "log", "find", "req_1", "log"], cwd=tmp_path, stdout=terminal, check=False
    )
    os.close(terminal)
    seen = os.read(main, 1 << 16).decode()
    os.close(main)
    assert (done.returncode, seen) == (0, f"req_1 {SHOWN}\r\nreq_1 \ufffd\r\n")
    assert run(tmp_path, "tenantry log find req_1 log | cmp - log").returncode == 0
