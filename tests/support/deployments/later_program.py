"""The program of a version that has one migration more than ours."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from servers import TENANTRY, LiveServer

import tenantry
from tenantry.db.revisions import FENCE, HEAD, RELEASED

if TYPE_CHECKING:
    from collections.abc import Sequence

LATER = f"{int(HEAD) + 1:04}"
_HEAD = f'''
"""Later."""
import sqlalchemy as sa
from alembic import op

from tenantry.db.upgrades.steps import BackFill, Index

revision = "{LATER}"
down_revision = "{HEAD}"
'''
TABLE = """
def upgrade() -> None:
    op.create_table("later", sa.Column("id", sa.Text, primary_key=True))
"""


class Later:
    """Its files, in a folder, and its commands; ``released``: a release has its migration."""

    def __init__(
        self, folder: Path, migration: str = TABLE, *, older_may_run: bool, released: bool = False
    ) -> None:
        self.source = folder / "src"
        package = self.source / "tenantry"
        shutil.copytree(Path(tenantry.__file__).parent, package)
        file = package / "db" / "migrations" / "versions" / f"{LATER}_later.py"
        file.write_text(f"{_HEAD}older_may_run = {older_may_run}\n{migration}")
        revisions = package / "db" / "revisions.py"
        text = revisions.read_text()
        if not older_may_run:
            text = text.replace(f'FENCE = "{FENCE}"', f'FENCE = "{LATER}"')
        if released:
            text = text.replace(f'RELEASED = "{RELEASED}"', f'RELEASED = "{LATER}"')
        revisions.write_text(text)

    def environment(self, older: LiveServer) -> dict[str, str]:
        """The environment of its commands on the database of a server."""
        return older.environment | {"PYTHONPATH": str(self.source)}

    def begin(self, older: LiveServer, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(
            [TENANTRY, *arguments],
            cwd=older.folder,
            env=self.environment(older),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, older: LiveServer, *arguments: str) -> tuple[int, str, str]:
        """Run a command: its exit code, output and errors."""
        process = self.begin(older, *arguments)
        out, problem = process.communicate(timeout=120)
        return process.returncode, out, problem

    def server(self, older: LiveServer, **settings: Sequence[str] | str) -> LiveServer:
        """A server of it beside another, on the same database; it is not started."""
        program = self

        class Server(LiveServer):
            @property
            def environment(self) -> dict[str, str]:
                return super().environment | {"PYTHONPATH": str(program.source)}

        shared = older._settings_but("listen", "public_url")
        return Server(older.folder, **{**shared, "public_url": older.url, **settings})
