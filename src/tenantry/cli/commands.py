"""The commands: the list that `tenantry --help` shows, and those without their own file."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tenantry import __version__
from tenantry.cli import (
    Failed,
    applications,
    auth_requests,
    backups,
    bulk,
    clients,
    data_keys,
    directories,
    events,
    events_export,
    interceptors,
    keys,
    logs,
    mail,
    master_keys,
    migrating,
    operators,
    organizations,
    running,
    sso,
    status,
    trusting,
    users,
    webhooks,
    work,
)
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load


class _InOrder(TyperGroup):
    """Lists commands in the order of the help's panels, in which one needs them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return their names."""
        known = super().list_commands(ctx)
        return sorted(known, key=_NAMES.index)


PANELS = {
    "To begin": ("serve", "env", "trust", "status", "doctor"),
    "Tenants and people": ("org", "user", "auth-requests", "sso", "directories"),
    "Applications": ("app", "client", "webhook", "interceptor"),
    "What has happened": ("events", "mail", "log"),
    "Running it": (
        *("worker", "health", "operators", "migrate", "backup", "restore", "import", "export"),
        *("key", "data-key", "master-key"),
    ),
}
_NAMES = [name for names in PANELS.values() for name in names]
_PANEL = {name: panel for panel, names in PANELS.items() for name in names}

app = typer.Typer(
    name="tenantry",
    cls=_InOrder,
    help="A self-hosted home for the tenants of a B2B SaaS product.",
    epilog="Settings are TENANTRY_... variables or lines of tenantry.toml: see docs/settings.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
events.app.command("export")(events_export.export)
for _name, _group in {
    "org": organizations.app,
    "user": users.app,
    "auth-requests": auth_requests.app,
    "sso": sso.app,
    "directories": directories.app,
    "app": applications.app,
    "client": clients.app,
    "webhook": webhooks.app,
    "interceptor": interceptors.app,
    "events": events.app,
    "mail": mail.app,
    "log": logs.app,
    "operators": operators.app,
    "migrate": migrating.app,
    "import": bulk.app,
    "key": keys.app,
    "data-key": data_keys.app,
    "master-key": master_keys.app,
}.items():
    app.add_typer(_group, name=_name, rich_help_panel=_PANEL[_name])
for _command in (
    *(trusting.trust, status.status, work.worker, bulk.export, backups.backup, backups.restore),
):
    app.command(rich_help_panel=_PANEL[_command.__name__])(_command)


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
        raise Failed("nothing was entered") from None


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


@app.command(rich_help_panel=_PANEL["serve"])
def serve() -> None:
    """Serve until stopped; a first start makes everything that is missing."""
    from tenantry.cli import serving

    raise typer.Exit(serving.serve())


@app.command(rich_help_panel=_PANEL["health"])
def health(
    *,
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask /readyz: does it take requests?")
    ] = False,
) -> None:
    """Check that the local server responds (/livez), for container health checks."""
    from tenantry.cli import health as probe

    raise typer.Exit(probe.look(ready=ready))


@app.command(rich_help_panel=_PANEL["env"])
def env(*, as_json: AsJson = False) -> None:
    """Print shell variables for curl, the SDKs and commands: eval "$(tenantry env)".

    The address, a management client with its secret, and where the roots are that make the
    server's certificate trusted: the system's and ours, so that other HTTPS goes on working. For a
    shell, not as JSON, also the data folder and the program on its PATH: from then on, commands are
    `tenantry ...` in any folder. No other program is put there.
    """
    import shlex

    from tenantry.cli import environment

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
        running.remark(f"This shell uses {url}, of {settings.data_dir.absolute()}, from now on.")


@app.command(rich_help_panel=_PANEL["doctor"])
def doctor(
    *,
    as_json: AsJson = False,
    settings: Annotated[
        bool, typer.Option("--settings", help="Print every setting first, secrets hidden.")
    ] = False,
) -> None:
    """Check settings, database, certificate, clock and port, and print remedies."""
    from tenantry import doctor as examination

    findings = examination.examine()
    table = load().table() if settings else []
    if as_json:
        shown = [{"name": n, "value": v, "default": d, "help": h} for n, v, d, h in table]
        running.print_json(
            {"checks": [f.shown() for f in findings], **({"settings": shown} if settings else {})}
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
