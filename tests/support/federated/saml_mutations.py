"""Documents of SAML with some of their parts deleted, doubled, moved, renamed or written anew."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st
from lxml import etree


def _delete(element, _other, _draw):
    if (parent := element.getparent()) is not None:
        parent.remove(element)


def _double(element, _other, _draw):
    if element.getparent() is not None:
        element.addnext(copy.deepcopy(element))


def _move_into(element, other, _draw):
    if element is not other and element not in other.iterancestors():
        other.append(element)


def _copy_into(element, other, _draw):
    other.insert(0, copy.deepcopy(element))


def _move_before(element, other, _draw):
    if other.getparent() is not None and element not in [other, *other.iterancestors()]:
        other.addprevious(element)


def _rename(element, other, _draw):
    element.tag = other.tag


def _text(element, other, draw):
    element.text = other.text if draw % 2 else f"{element.text or ''}{'xyz'[draw % 3]}"


def _attribute(element, other, draw):
    names = sorted({*element.attrib, *other.attrib})
    if names:
        name = names[draw % len(names)]
        value = other.get(name)
        if value is None:
            del element.attrib[name]
        else:
            element.set(name, value)


def _id(element, other, draw):
    spellings = ("ID", "Id", "id", "{urn:x}ID", "{http://www.w3.org/XML/1998/namespace}id")
    element.set(spellings[draw % len(spellings)], other.get("ID") or "_new")


def _space(element, _other, draw):
    element.tail = (" ", "\n", "x")[draw % 3]


def _comment(element, _other, draw):
    element.append(etree.Comment("x") if draw % 2 else etree.ProcessingInstruction("x", "y"))


OPERATIONS = (
    _delete,
    _double,
    _move_into,
    _copy_into,
    _move_before,
    _rename,
    _text,
    _attribute,
    _id,
    _space,
    _comment,
)
_NUMBER = st.integers(0, 1000)
CHANGES = st.lists(
    st.tuples(st.sampled_from(OPERATIONS), _NUMBER, _NUMBER, _NUMBER), min_size=1, max_size=4
)


def changed(xml: bytes, changes: list[Any]) -> bytes:
    """The document after these changes, each of two of its elements, chosen by number."""
    root = etree.fromstring(xml)
    for operation, one, other, draw in changes:
        elements = list(root.iter(etree.Element))
        operation(elements[one % len(elements)], elements[other % len(elements)], draw)
    return etree.tostring(root)
