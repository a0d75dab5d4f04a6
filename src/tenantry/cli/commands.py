"""The commands: the list that `tenantry --help` shows, and those without their own file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tenantry import __version__
from tenantry.cli import Failed, running
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load

# The panels of the help, each with its commands: the module and the name of the group in it, or of
# the function.
_PANELS = {
    "Getting started": {
        "serve": "commands:serve",
        "env": "commands:env",
        "init": "projects.init:init",
        "trust": "deployment.trusting:trust",
        "status": "deployment.status:status",
        "doctor": "commands:doctor",
    },
    "Organizations and users": {
        "org": "tenants.organizations:app",
        "user": "tenants.users:app",
        "auth-requests": "tenants.auth_requests:app",
        "sso": "tenants.sso:app",
        "directories": "tenants.directories:app",
    },
    "Applications": {
        "app": "integrations.applications:app",
        "client": "integrations.clients:app",
        "resource": "integrations.resources:app",
        "webhook": "integrations.webhooks:app",
        "interceptor": "integrations.interceptors:app",
    },
    "Events, email and logs": {
        "events": "records.events:app",
        "mail": "records.email:app",
        "log": "records.logs:app",
    },
    "Operations": {
        "worker": "deployment.work:worker",
        "health": "commands:health",
        "operators": "operators:app",
        "migrate": "deployment.migrating:app",
        "backup": "deployment.backups:backup",
        "restore": "deployment.backups:restore",
        "import": "deployment.bulk:app",
        "export": "deployment.bulk:export",
        "key": "key_management.keys:app",
        "data-key": "key_management.data_keys:app",
        "master-key": "key_management.master_keys:app",
    },
}
PANELS = {panel: tuple(places) for panel, places in _PANELS.items()}
_PLACES = {
    name: (panel, place) for panel, places in _PANELS.items() for name, place in places.items()
}


class _Commands(Mapping[str, Any]):
    """The commands by name; each is imported on first use."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            panel, place = _PLACES[name]
            module, _, attribute = place.partition(":")
            found = getattr(importlib.import_module(f"tenantry.cli.{module}"), attribute)
            alone = typer.Typer()
            if isinstance(found, typer.Typer):
                alone.add_typer(found, name=name, rich_help_panel=panel)
            else:
                alone.command(name, rich_help_panel=panel)(found)
            self._made[name] = typer.main.get_group(alone).commands[name]
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


class _Group(TyperGroup):
    """Imports the module of a command when it is asked for: a run asks for one, the help for all.

    The names have the order of the help's panels.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: Any = _Commands()


app = typer.Typer(
    name="tenantry",
    cls=_Group,
    help="A self-hosted identity server for B2B SaaS products.",
    epilog="Set TENANTRY_... variables or use tenantry.toml; see docs/settings.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


# Typer has a copy of click's own, which it shows by its kinds alone.
_WrongUsage: Any = typer.BadParameter.__base__


def run() -> int:
    """Run the command of these arguments and return its exit code.

    Raises:
        Failed: it cannot be done; or is not to be called so.

    """
    try:
        return app(prog_name="tenantry", standalone_mode=False) or 0
    except _WrongUsage as problem:
        said = problem.format_message()
        if not said:  # without arguments, the help was printed
            return int(problem.exit_code)
        usage = f"; see `{problem.ctx.command_path} --help`" if problem.ctx else ""
        raise Failed(
            f"{said.removesuffix('.')}{usage}", error="USAGE", code=problem.exit_code
        ) from None
    except typer.Abort:
        raise Failed("no input") from None


def _show_version(*, asked: bool) -> None:
    if asked:
        running.say(__version__)
        raise typer.Exit


@app.callback()
def _tenantry(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            is_eager=True,
            callback=lambda asked: _show_version(asked=asked),
        ),
    ] = False,
) -> None: ...


def serve() -> None:
    """Start the server; the first start creates the database, keys and certificates."""
    from tenantry.cli.deployment import serving

    raise typer.Exit(serving.serve())


def health(
    *,
    ready: Annotated[
        bool, typer.Option("--ready", help="Check /readyz instead: whether it accepts requests.")
    ] = False,
) -> None:
    """Check that the local server responds (/livez), for container health checks."""
    from tenantry.cli.deployment import health as probe

    raise typer.Exit(probe.look(ready=ready))


def env(*, as_json: AsJson = False) -> None:
    """Print shell variables for curl, the SDKs and commands: eval "$(tenantry env)".

    They contain the URL, a management client with its secret, and root certificates that include
    the system's and Tenantry's. For a shell (not with --json), they also set the data folder and
    the PATH, so that `tenantry` works in any folder. No other program is added to the PATH.
    """
    import shlex

    from tenantry.cli.deployment import environment

    settings = load()
    exported = environment.variables(settings)
    if as_json:
        running.print_json(exported)
        return
    for name, value in (exported | environment.of_commands(settings)).items():
        running.say(f"export {name}={shlex.quote(value)}")
    if folder := environment.missing_on_path(settings):
        running.say(f'export PATH={shlex.quote(folder)}:"$PATH"')
    if sys.stderr.isatty():
        url = exported["SCALEKIT_ENVIRONMENT_URL"]
        running.remark(f"This shell now uses {url} ({settings.data_dir.absolute()}).")


def doctor(
    *,
    as_json: AsJson = False,
    settings: Annotated[
        bool, typer.Option("--settings", help="Print all settings first, without secrets.")
    ] = False,
) -> None:
    """Check settings, database, certificate, clock and port, and print remedies."""
    from tenantry import doctor as examination

    findings = examination.examine()
    table = load().table() if settings else []
    if as_json:
        shown = [{"name": n, "value": v, "default": d, "help": h} for n, v, d, h in table]
        running.print_json(
            {"checks": [f.to_json() for f in findings], **({"settings": shown} if settings else {})}
        )
    else:
        if settings:
            running.print_table(
                ["Setting", "Value", "Default"], [(name, v, d) for name, v, d, _ in table]
            )
        for finding in findings:
            running.say(finding.line())
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
