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
            help="The root of another system's files, such as an image that is mounted.",
        ),
    ] = Path("/"),
    as_json: AsJson = False,
) -> None:
    """Make the system and this user's browsers trust the generated certificate.

    For a server of this data folder that makes its certificate by itself. It never becomes root:
    where only root may change a store, it prints the lines to paste. Ends with 1 where something is
    left to do.
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
            f"the certificate is your own ({settings.tls_cert}): its issuer is to be "
            "trusted, not a Tenantry root"
        )
    if not path.is_file():
        running.fail(
            f"there is no root at {path}: the first start makes it; run this where the server was "
            "started, or with its TENANTRY_DATA_DIR"
        )
    try:
        return stores.Root.of(path)
    except ValueError:
        running.fail(f"{path} is no certificate: remove it, and the next start makes a new one")


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
                problem = "it did not take it"
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
        running.say("no store of certificates is known here: see `tenantry env` for programs")
        return
    running.print_table(
        ["Store of", "", "Where"],
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
        yield f"These are the browsers of root: for those of {somebody}, run it without sudo."
    for one in found:
        if one["problem"]:
            yield f"{one['whose']}, {one['place']}: {one['problem']}"
    if lines := [line for one in found for line in one["commands"]]:
        yield "To do, by pasting it:"
        yield from (f"  {line}" for line in lines)
    if any(one["trusted"] for one in found) and not (remove or check):
        yield "Browsers that are open take it up when they are started again."
        yield (
            f"Anyone with {root.path.parent / 'ca-key.pem'} can now impersonate any site to this "
            "user: `tenantry trust --remove` ends that."
        )
