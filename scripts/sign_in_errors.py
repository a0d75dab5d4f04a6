"""Writes docs/sign-in-errors.md, the catalogue of sign-in errors, from where they are explained.

With --check nothing is written: the exit code says whether the file is current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.guides.explanations import CONNECTION, INTEGRATION

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sign-in-errors.md"
_BEGINNING = """\
# Sign-in errors

<!-- Made from the catalogue by `make gen`; never edited. -->

A sign-in that fails ends at the application's redirect URI with `error`, a code of this page, and
`error_description`, a sentence about this one case. So it does if the provider is not even reached.
Only somebody that our own sign-in page sends there, by an address or a button, sees code and
sentence on a Tenantry page, which leads back to the other ways to sign in. The page of a test of a
connection shows the same, with what to do, in the reader's language. So does the admin portal.

## A message that you have at hand

`tenantry sso decode` explains a SAML response, a request, metadata or a certificate, and says what
our rules hold against it; an ID token or a logout token it explains as well. It needs no server, no
database and no network, so it runs on any machine where Tenantry is installed. It takes a file, or
a pasted text: XML, the form's value in base64, a whole form, or the address of a redirect.

```
tenantry sso decode response.txt --metadata idp-metadata.xml --audience https://auth.example.com/sso/v1/saml/conn_1
```

A browser's developer tools show the response: keep the network log over the sign-in, and copy
`SAMLResponse` of the form that is posted to our `/callback`. It holds a person's data, and while it
is young it is a key: mind where you paste it. With `--metadata` (or `--certificate`), `--audience`,
`--acs-url` and `--request-id` it is held to that side; else to what it says of itself. An old
response is judged twice: as of now, and as of the moment of its issue. `--json` is for programs.
The exit code is 1 where it cannot be read, or is refused for more than its age.

## Sign-ins that failed

`tenantry sso failures` lists the newest sign-ins by a connection that failed, each with its error,
a sentence and what to do; of one person with `--email`, of one connection with `--connection`; with
`--all` those that worked, too. Each has its steps, and how the provider vouched for somebody, or
tried to in a message that was refused: issuer, destination, audience, times, which signatures
verified and which did not, the names of attributes or claims, and no value of any. It goes when
the person is erased. The API has it too: its log of sign-ins
(`/api/v1/logs/authentication/requests`) lists them with their statuses and connections, and an id
behind that path gives one with all of this, to an organization's admin as well.

## Codes for the application's developer
"""
_CONNECTION = """\
## Codes for the admin of a connection
"""
_FAULTS = """\
## Faults of {name}

A code stands for several faults. The description says which one it is.
"""


def main() -> int:
    """Writes, or with --check only compares; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/sign-in-errors.md.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    text = "\n".join(page())
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print("not current: docs/sign-in-errors.md; run make gen", file=sys.stderr)
        return 1
    return 0


def page() -> Iterator[str]:
    """The lines of the page."""
    yield _BEGINNING
    yield from codes(INTEGRATION)
    yield _CONNECTION
    yield from codes(CONNECTION)
    for protocol, name in ((explanations.SAML, "SAML"), (explanations.OIDC, "OpenID Connect")):
        yield _FAULTS.format(name=name)
        yield from table(
            ("Code", "What it says", "What to do"),
            (
                (f"`{one.code}`", one.sentence.replace("{", "*").replace("}", "*"), one.remedy)
                for one in explanations.faults(protocol).values()
            ),
        )


def codes(of: str) -> Iterator[str]:
    """A table of the codes of one kind."""
    yield from table(
        ("Code", "What it means", "What to do"),
        (
            (f"`{one.code}`", one.means, one.remedy)
            for one in explanations.explanations()
            if one.of == of
        ),
    )


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """The lines of a table."""
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
