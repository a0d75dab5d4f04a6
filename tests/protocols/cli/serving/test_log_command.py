"""`tenantry log find`: large logs, rotated ones, packed ones, and one that is still written."""

from __future__ import annotations

import gzip
import json
import subprocess

import commands
import pytest
from servers import TENANTRY, without_settings


def line(number: int) -> bytes:
    told = {"message": "request", "route": "/" * (number % 400), "request_id": f"req_{number:024x}"}
    return json.dumps(told).encode() + b"\n"


def find(folder, id_: str, *files: object):
    return commands.run(
        "log", "find", id_, *map(str, files), cwd=folder, environment=without_settings()
    )


@pytest.mark.thorough
def test_each_line_of_a_large_log_is_found_wherever_it_lies(tmp_path):
    log = tmp_path / "tenantry.log"
    log.write_bytes(b"".join(map(line, range(15_000))))
    assert log.stat().st_size > 3 << 20  # several blocks
    for number in (*range(0, 15_000, 601), 14_999):
        done = find(tmp_path, f"req_{number:024x}", str(log))
        assert (done.returncode, done.stdout.encode()) == (0, line(number))


def test_a_line_without_an_end_and_one_that_repeats_the_id_are_each_one(tmp_path):
    log = tmp_path / "tenantry.log"
    log.write_bytes(b"req_abc1 req_abc req_abc\nxreq_abc req_abc-1\n\nthe last req_abc")
    done = find(tmp_path, "req_abc", log)
    assert done.stdout == "req_abc1 req_abc req_abc\nthe last req_abc\n"


def test_a_file_without_a_line_end_is_looked_at_in_parts(tmp_path):
    log = tmp_path / "core"
    log.write_bytes(b"\0" * (40 << 20) + b" req_abc ")
    done = find(tmp_path, "req_abc", log)
    assert done.returncode == 0
    assert len(done.stdout) < 20 << 20


def test_a_packed_log_is_known_by_its_content(tmp_path):
    rotated, packed = tmp_path / "tenantry.log.1", tmp_path / "tenantry.log.2"
    rotated.write_bytes(line(1) + line(2))
    packed.write_bytes(gzip.compress(line(3)) + gzip.compress(line(4)))
    for number in (2, 4):
        done = find(tmp_path, f"req_{number:024x}", rotated, packed)
        assert (done.returncode, done.stdout.encode()) == (0, line(number))
    packed.write_bytes(packed.read_bytes()[:-12])
    done = find(tmp_path, f"req_{3:024x}", packed)
    assert (done.returncode, done.stdout.encode()) == (1, line(3))
    assert done.stderr.startswith(f"tenantry: {packed}: damaged, or still being compressed: ")


def test_a_log_that_is_still_written_is_found_in_line_by_line(tmp_path):
    with subprocess.Popen(
        [TENANTRY, "log", "find", f"req_{1:024x}", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdin.write(line(0) + b"tenantry-1  | " + line(1))
            process.stdin.flush()
            assert process.stdout.readline() == b"tenantry-1  | " + line(1)
        process.stdin.close()
    assert process.returncode == 0


def test_a_line_of_journald_as_json_is_found(tmp_path):
    log = tmp_path / "journal.json"
    log.write_text(json.dumps({"MESSAGE": line(7).decode(), "_PID": "1"}) + "\n")
    assert find(tmp_path, f"req_{7:024x}", log).stdout == log.read_text()
