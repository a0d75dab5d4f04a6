"""Draws docs/pictures/architecture.svg: the packages by layer, and what each imports.

An arrow is an import; it is left out where a path of other arrows leads to the same package. With
--check nothing is written: the exit code says whether the diagram is current.
"""

from __future__ import annotations

import argparse
import sys
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
DIAGRAM = ROOT / "docs" / "pictures" / "architecture.svg"
PACKAGE = "tenantry"
_WIDTH, _MARGIN = 760, 20
_BOX_HEIGHT, _BOX_GAP, _LAYER_GAP, _LANE = 30, 24, 44, 8
_CHARACTER, _PADDING = 8.4, 14  # of a monospaced font of 14 pixels
_STYLE = """
  text { font: 14px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; fill: #1f2328 }
  rect { fill: #f6f8fa; stroke: #57606a }
  path { fill: none; stroke: #8c959f }
  #arrow path { fill: #8c959f; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    rect { fill: #161b22; stroke: #8b949e }
    path { stroke: #6e7681 }
    #arrow path { fill: #6e7681 }
  }
"""


def main() -> int:
    """Write the diagram, or with --check only compare; return the exit code."""
    parser = argparse.ArgumentParser(description="Draw docs/pictures/architecture.svg.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    check = parser.parse_args().check
    edges = imports()
    wanted = drawing(layers(edges), reduced(edges))
    if not check:
        DIAGRAM.write_text(wanted, encoding="utf-8")
    elif not DIAGRAM.exists() or DIAGRAM.read_text(encoding="utf-8") != wanted:
        print("not current: docs/pictures/architecture.svg; run make gen", file=sys.stderr)
        return 1
    return 0


def imports() -> dict[str, set[str]]:
    """Return the packages that each package imports, those for annotations only included."""
    graph = grimp.build_graph(PACKAGE)
    found: dict[str, set[str]] = {_top(module): set() for module in graph.modules}
    del found[""]
    for module in graph.modules:
        importer = _top(module)
        for imported in graph.find_modules_directly_imported_by(module):
            target = _top(imported)
            if importer and target and importer != target:
                found[importer].add(target)
    return found


def _top(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def reduced(edges: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the edges that no other path replaces (the graph has no cycle)."""
    reachable: dict[str, set[str]] = {}

    def reach(name: str) -> set[str]:
        if name not in reachable:
            reachable[name] = set().union(*({each} | reach(each) for each in edges[name]))
        return reachable[name]

    return sorted(
        (name, target)
        for name, targets in edges.items()
        for target in targets
        if not any(target in reach(other) for other in targets - {target})
    )


def layers(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return the names of each layer, from the top: a package is below all that import it."""
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            above = [depth(other) for other, targets in edges.items() if name in targets]
            depths[name] = max(above, default=-1) + 1
        return depths[name]

    rows: list[list[str]] = [[] for _ in range(1 + max(map(depth, edges)))]
    for name in sorted(edges):
        rows[depths[name]].append(name)
    return rows


def drawing(rows: list[list[str]], edges: list[tuple[str, str]]) -> str:
    """Return the SVG document."""
    boxes: dict[str, tuple[float, float, float]] = {}  # left, top, width
    top = float(_MARGIN)
    for row in rows:
        widths = [len(_label(name)) * _CHARACTER + 2 * _PADDING for name in row]
        left = (_WIDTH - sum(widths) - _BOX_GAP * (len(row) - 1)) / 2
        for name, width in zip(row, widths, strict=True):
            boxes[name] = (left, top, width)
            left += width + _BOX_GAP
        top += _BOX_HEIGHT + _LAYER_GAP
    height = top - _LAYER_GAP + _MARGIN
    title = "Packages of Tenantry by layer, and their imports"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img"'
        f' aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    distance = {name: number for number, row in enumerate(rows) for name in row}
    lanes = 0
    for name, target in edges:
        straight = distance[target] - distance[name] <= 1
        lanes += not straight
        lines.append(_arrow(boxes[name], boxes[target], 0 if straight else lanes))
    for name, (left, y, width) in boxes.items():
        lines += [
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BOX_HEIGHT}" rx="5"/>',
            f'<text x="{left + width / 2:.1f}" y="{y + 20:.1f}">{escape(_label(name))}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def _label(name: str) -> str:
    is_module = (ROOT / "src" / PACKAGE / f"{name}.py").exists()
    return f"{name}.py" if is_module else f"{name}/"


def _arrow(begin: tuple[float, float, float], end: tuple[float, float, float], lane: int) -> str:
    """Return an arrow to a box below; one that passes layers goes around them in a lane."""
    x, y = begin[0] + begin[2] / 2, begin[1] + _BOX_HEIGHT
    to_x, to_y = end[0] + end[2] / 2, end[1]
    if not lane:
        middle = (y + to_y) / 2
        points = (
            f"M{x:.1f} {y:.1f}C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
        )
    else:
        side, turn = 1 if lane % 2 else -1, (lane + 1) // 2
        edge = _WIDTH / 2 + side * (_WIDTH / 2 - _LANE * turn)
        above, below = y + _LANE * turn, to_y - _LANE * turn
        points = f"M{x:.1f} {y:.1f}V{above:.1f}H{edge:.1f}V{below:.1f}H{to_x:.1f}V{to_y:.1f}"
    return f'<path d="{points}" marker-end="url(#arrow)"/>'


if __name__ == "__main__":
    sys.exit(main())
