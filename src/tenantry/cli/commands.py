"""The commands: the list that `tenantry --help` shows, and those without a file of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantry import __version__
from tenantry.cli import (
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
    running,
    sso,
    status,
    users,
    webhooks,
    work,
)
from tenantry.settings import load

app = typer.Typer(
    name="tenantry",
    help="A self-hosted home for the tenants of a B2B SaaS product.",
    epilog="Settings are TENANTRY_... variables or lines of tenantry.toml: see docs/settings.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(clients.app, name="client")
app.add_typer(keys.app, name="key")
app.add_typer(data_keys.app, name="data-key")
app.add_typer(master_keys.app, name="master-key")
app.add_typer(logs.app, name="log")
app.add_typer(mail.app, name="mail")
app.add_typer(migrating.app, name="migrate")
app.add_typer(users.app, name="user")
app.add_typer(operators.app, name="operators")
app.add_typer(sso.app, name="sso")
app.add_typer(directories.app, name="directories")
events.app.command("export")(events_export.export)
app.add_typer(events.app, name="events")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(interceptors.app, name="interceptor")
app.command()(work.worker)
app.add_typer(bulk.app, name="import")
app.command()(bulk.export)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(status.status)


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


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def serve() -> None:
    """Serve until stopped; a first start makes everything that is missing."""
    from tenantry.cli import serving

    raise typer.Exit(serving.serve())


@app.command()
def health(
    *,
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask /readyz: does it take requests?")
    ] = False,
) -> None:
    """Ask the server here whether it answers (/livez), as a container's health check does."""
    from tenantry.cli import health as probe

    raise typer.Exit(probe.look(ready=ready))


@app.command()
def env(*, as_json: AsJson = False) -> None:
    """Print what lets curl and the SDKs use this server: eval "$(tenantry env)".

    The address, a management client with its secret, and where the roots are that make the
    server's certificate trusted: the system's and ours, so that other HTTPS goes on working.
    """
    from tenantry.cli.environment import variables

    exported = variables(load())
    if as_json:
        running.print_json(exported)
        return
    import shlex

    for name, value in exported.items():
        running.say(f"export {name}={shlex.quote(value)}")


@app.command()
def doctor(
    *,
    as_json: AsJson = False,
    settings: Annotated[
        bool, typer.Option("--settings", help="Print every setting first, secrets hidden.")
    ] = False,
) -> None:
    """Check settings, database, certificate, clock and port, and say what to do."""
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
