"""`tenantry trust`: adds Tenantry's root certificate to the trust stores, or removes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.server.certificates.stores import Root, Store


def trust(
    *,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove it from the trust stores.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only show which trust stores have it.")
    ] = False,
    system_root: Annotated[
        Path,
        typer.Option(
            "--root",
            exists=True,
            file_okay=False,
            help="Root folder of another system, such as a mounted image.",
        ),
    ] = Path("/"),
    as_json: AsJson = False,
) -> None:
    """Make the system and this user's browsers trust the generated certificate.

    For servers with a generated certificate. It does not need root: if only root can change a
    store, it prints the commands to run, and exits with 1.
    """
    from tenantry.server.certificates import stores

    root = _root()
    found = [
        _done(store, root, remove=remove, check=check)
        for store in stores.of_machine(system_root.resolve(), Path.home())
    ]
    if as_json:
        running.print_json({"ca": str(root.path), "name": root.name, "stores": found})
    else:
        _print(found, root, remove=remove, check=check)
    if any(one["trusted"] is remove for one in found) or not found:
        raise typer.Exit(1)


def _root() -> Root:
    from tenantry.server import certificates
    from tenantry.server.certificates import stores

    settings = load()
    path = certificates.files(settings).ca
    if path is None:
        running.fail(
            f"TENANTRY_TLS_CERT is set ({settings.tls_cert}): trust the issuer of that "
            "certificate instead"
        )
    if not path.is_file():
        running.fail(
            f"no root certificate at {path}: the first start creates it; run this where the "
            "server was started, or set TENANTRY_DATA_DIR"
        )
    try:
        return stores.Root.of(path)
    except ValueError:
        running.fail(
            f"{path} is not a certificate: delete it, and the next start creates a new one"
        )


def _done(store: Store, root: Root, *, remove: bool, check: bool) -> dict[str, Any]:
    """Return how a store is, once it was dealt with."""
    from tenantry.server.certificates.stores import StoreError

    trusted, problem, lines = store.has(root), "", []
    if trusted is remove and not check:
        problem = store.obstacle
        if not problem:
            try:
                (store.remove if remove else store.add)(root)
            except (StoreError, OSError) as refused:
                problem = str(refused)
            trusted = store.has(root)
            if trusted is remove and not problem:
                problem = "the store did not accept the change"
        if problem:
            lines = store.lines(root, remove=remove)
    return {
        "whose": store.whose,
        "place": str(store.place),
        "trusted": trusted,
        "problem": problem,
        "commands": lines,
    }


def _print(found: list[dict[str, Any]], root: Root, *, remove: bool, check: bool) -> None:
    if not found:
        running.say("no supported trust store found; for programs, see `tenantry env`")
        return
    running.print_table(
        ["Store", "Status", "Location"],
        [
            (one["whose"], "trusted" if one["trusted"] else "not trusted", one["place"])
            for one in found
        ],
    )
    for line in _remarks(found, root, remove=remove, check=check):
        running.say(line)


def _remarks(
    found: list[dict[str, Any]], root: Root, *, remove: bool, check: bool
) -> Iterator[str]:
    if somebody := os.environ.get("SUDO_USER"):
        yield f"These are the browsers of root. For those of {somebody}, run this without sudo."
    for one in found:
        if one["problem"]:
            yield f"{one['whose']}, {one['place']}: {one['problem']}"
    if lines := [line for one in found for line in one["commands"]]:
        yield "Run these commands:"
        yield from (f"  {line}" for line in lines)
    if any(one["trusted"] for one in found) and not (remove or check):
        yield "Restart open browsers."
        yield (
            f"Anyone who can read {root.path.parent / 'ca-key.pem'} can now impersonate any site "
            "to this user. To undo this, run `tenantry trust --remove`."
        )
