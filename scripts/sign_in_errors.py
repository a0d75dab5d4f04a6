"""Writes docs/sign-in-errors.md, the catalogue of sign-in errors.

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

<!-- Generated from the catalogue by `make gen`. Do not edit. -->

A failed sign-in redirects to the application's redirect URI with `error`, a code from this page,
and `error_description`, a sentence about the specific fault, even if the provider was not
reachable. If the user started on the hosted sign-in page, a Tenantry page shows the code and the
sentence, and offers the other sign-in methods. Connection tests and the admin portal also show the
remedy, in the language of the reader.

## Decode a message

`tenantry sso decode` decodes and validates a SAML response. It also decodes SAML requests,
metadata, certificates, ID tokens and logout tokens. It needs no server, database or network. The
input is a file or pasted text: XML, a base64 form value, a whole form or a redirect URL.

```
tenantry sso decode response.txt --metadata idp-metadata.xml --audience https://auth.example.com/sso/v1/saml/conn_1
```

To get a response, open the browser's developer tools, keep the network log during the sign-in, and
copy `SAMLResponse` from the form that is posted to `/callback`. A response contains personal data,
and can be used to sign in while it is new: do not share it.

Pass the expected values with `--metadata` (or `--certificate`), `--audience`, `--acs-url` and
`--request-id`. Without them, the values of the response itself are used. An expired response is
validated twice: at the current time and at its time of issue. `--json` prints JSON. The exit code
is 1 if the message is malformed, or invalid for a reason other than its age.

## List failed sign-ins

`tenantry sso failures` lists the newest failed sign-ins through a connection with error,
description and remedy. Filter by user with `--email` or by connection with `--connection`; `--all`
includes successful sign-ins. Each sign-in has its steps and the evidence from the provider's
message: issuer, destination, audience, times, signatures, and the names (not the values) of
attributes or claims. The evidence is deleted when the user is erased.

The API lists the same sign-ins at `/api/v1/logs/authentication/requests` and returns one at that
path with its ID. Organization admins can read the sign-ins of their organization.

## Codes for application developers
"""
_CONNECTION = """\
## Codes for connection admins
"""
_FAULTS = """\
## {name} faults

A code covers several faults. The description identifies the fault.
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
    """Yield the lines of the page."""
    yield _BEGINNING
    yield from codes(INTEGRATION)
    yield _CONNECTION
    yield from codes(CONNECTION)
    for protocol, name in ((explanations.SAML, "SAML"), (explanations.OIDC, "OpenID Connect")):
        yield _FAULTS.format(name=name)
        yield from table(
            ("Code", "Description", "Remedy"),
            (
                (f"`{one.code}`", one.sentence.replace("{", "*").replace("}", "*"), one.remedy)
                for one in explanations.faults(protocol).values()
            ),
        )


def codes(of: str) -> Iterator[str]:
    """Yield a table of the codes of one kind."""
    yield from table(
        ("Code", "Meaning", "Remedy"),
        (
            (f"`{one.code}`", one.means, one.remedy)
            for one in explanations.explanations()
            if one.of == of
        ),
    )


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table."""
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
