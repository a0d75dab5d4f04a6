"""The samples of one language as one program: a client, then each sample in a scope of its own.

What a reader sees is the sample; a program adds what they have around it: the client of
`samples/Client.md`, the ids, and imports at the top of the file where a language wants them there.
Each program prints `ran NAME` after a sample that succeeded and goes on after one that failed.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from tenantry.reference.languages import CLIENT, samples

if TYPE_CHECKING:
    from collections.abc import Iterable

_IMPORTS = {
    "js": re.compile(r"^import .*$\n?", re.MULTILINE),
    "go": re.compile(r'^import (?:\((.*?)^\)|(".*?"))$\n?', re.MULTILINE | re.DOTALL),
    "java": re.compile(r"^import .*;$\n?", re.MULTILINE),
}


def in_order(names: Iterable[str]) -> list[str]:
    """What deletes comes last, and of that the organization itself."""
    deletes = ["DeletePortalLinkByID", "DeletePortalLink", "DeleteOrganization"]
    names = list(names)
    return [n for n in names if n not in deletes] + [n for n in deletes if n in names]


def program(language: str, names: Iterable[str]) -> str:
    """All samples of these operations in this language."""
    found = {name: samples(name)[language] for name in in_order(names)}
    return _PROGRAMS[language](samples(CLIENT)[language], found)


def _sh(client: str, found: dict[str, str]) -> str:
    runs = "".join(
        f"if ( {sample}\n) > {name}.json; then echo 'ran {name}'; else cat {name}.json >&2; fi\n"
        for name, sample in found.items()
    )
    return f"set -u\n{client}\n{runs}"


def _python(client: str, found: dict[str, str]) -> str:
    functions = "".join(
        f"\ndef {name}():\n{textwrap.indent(sample, '    ')}\n" for name, sample in found.items()
    )
    return f"""{client}
import traceback

organization_id, external_id, link_id = (
    os.environ[name] for name in ("ORGANIZATION_ID", "EXTERNAL_ID", "LINK_ID")
)
{functions}
for sample in ({", ".join(found)},):
    try:
        sample()
    except Exception:
        traceback.print_exc()
    else:
        print("ran", sample.__name__)
"""


def _js(client: str, found: dict[str, str]) -> str:
    imports, (client, *bodies) = _without_imports("js", [client, *found.values()])
    runs = "".join(
        f"await run('{name}', async () => {{\n{body}\n}})\n"
        for name, body in zip(found, bodies, strict=True)
    )
    return f"""{imports}
{client}
const organizationId = process.env.ORGANIZATION_ID
const externalId = process.env.EXTERNAL_ID
const linkId = process.env.LINK_ID

async function run(name, sample) {{
  try {{
    await sample()
    console.log('ran', name)
  }} catch (error) {{
    console.error(name, error)
  }}
}}

{runs}
process.exit() // the SDK keeps its connection open
"""


def _go(client: str, found: dict[str, str]) -> str:
    imports, (client, *bodies) = _without_imports("go", [client, *found.values()])
    runs = ""
    for name, body in zip(found, bodies, strict=True):
        assigned = re.search(r"^(\w+), err :=", body, re.MULTILINE)
        used = f"\t_ = {assigned[1]}\n" if assigned else ""
        runs += f'run("{name}", func() error {{\n{body}\n{used}\treturn err\n}})\n'
    return f"""package main

import (
\t"fmt"
{imports}
)

func run(name string, sample func() error) {{
\tif err := sample(); err != nil {{
\t\tfmt.Fprintln(os.Stderr, name, err)
\t\treturn
\t}}
\tfmt.Println("ran", name)
}}

func main() {{
{client}
organizationId := os.Getenv("ORGANIZATION_ID")
externalId := os.Getenv("EXTERNAL_ID")
{runs}
}}
"""


def _java(client: str, found: dict[str, str]) -> str:
    imports, (client, *bodies) = _without_imports("java", [client, *found.values()])
    methods = "".join(
        f"  static void {name}() {{\n{textwrap.indent(body, '    ')}\n  }}\n\n"
        for name, body in zip(found, bodies, strict=True)
    )
    runs = "".join(f'    run("{name}", Samples::{name});\n' for name in found)
    client = client.replace("ScalekitClient sc", "static final ScalekitClient sc")
    return f"""{imports}

public final class Samples {{
{client}
  static final String organizationId = System.getenv("ORGANIZATION_ID");
  static final String externalId = System.getenv("EXTERNAL_ID");
  static final String linkId = System.getenv("LINK_ID");

{methods}
  static void run(String name, Runnable sample) {{
    try {{
      sample.run();
      System.out.println("ran " + name);
    }} catch (RuntimeException failure) {{
      System.err.println(name);
      failure.printStackTrace();
    }}
  }}

  public static void main(String[] arguments) {{
{runs}
    System.exit(0); // the SDK's threads outlive main
  }}
}}
"""


def _without_imports(language: str, parts: list[str]) -> tuple[str, list[str]]:
    """The imports of all parts, each once, and the parts without theirs."""
    pattern, lines = _IMPORTS[language], []
    for part in parts:
        for found in pattern.finditer(part):
            text = found[0] if language != "go" else found[1] or found[2]
            lines += [line.strip() for line in text.splitlines()]
    imports = "\n".join(dict.fromkeys(filter(None, lines)))
    return imports, [pattern.sub("", part).strip("\n") for part in parts]


_PROGRAMS = {"sh": _sh, "js": _js, "python": _python, "go": _go, "java": _java}
