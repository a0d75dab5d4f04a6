"""Messages as trees of elements, within bounds: base64, deflate, XML, times.

A message is parsed once, by the parser that also verifies it. Markup that SAML has no use for is
refused in the text itself, before any parser sees it: so no entity is ever declared, and no
comment or processing instruction can divide a value.
"""

from __future__ import annotations

import binascii
import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tenantry.identity.connections.saml import faults
from tenantry.identity.connections.saml.faults import SAMLError

if TYPE_CHECKING:
    from lxml.etree import XMLParser, _Element

MAX_BYTES = 256 * 1024
# Canonicalization takes time by the square of attributes, and of namespaces in scope: 25,000
# attributes in 256 KB took two seconds. A group of a large list is one element.
MAX_ELEMENTS = 2048
MAX_DEPTH = 32
MAX_ATTRIBUTES = 32  # of one element
MAX_NAMESPACES = 32  # in scope

_DECLARATION = re.compile(
    rb"""\s*<\?xml\s+version=["']1\.0["'](\s+encoding=["'](utf-8|us-ascii)["'])?"""
    rb"""(\s+standalone=["'](yes|no)["'])?\s*\?>""",
    re.IGNORECASE,
)
# In well-formed XML `<!` and `<?` begin nothing but these; CDATA is text.
_MARKUP = re.compile(rb"<[!?](?!\[CDATA\[)")
_NOT_COMMENT = re.compile(rb"<[!?](?!\[CDATA\[|--)")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def decode(name: str, text: str) -> bytes:
    """Return the bytes of a parameter in base64 (RFC 4648, 4), which may be broken into lines."""
    if len(text) > 2 * MAX_BYTES:
        raise SAMLError(faults.TOO_LARGE, limit=MAX_BYTES // 1024)
    try:
        plain = "".join(text.split()).encode("ascii")
        if data := binascii.a2b_base64(plain, strict_mode=True):
            return data
    except ValueError:
        pass
    raise SAMLError(faults.PARAMETER, name=name)


def inflate(name: str, data: bytes) -> bytes:
    """Return a message of the Redirect binding, deflated (RFC 1951) with nothing after it."""
    stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        inflated = stream.decompress(data, MAX_BYTES + 1)
    except zlib.error:
        raise SAMLError(faults.PARAMETER, name=name) from None
    if len(inflated) > MAX_BYTES:
        raise SAMLError(faults.TOO_LARGE, limit=MAX_BYTES // 1024)
    if not stream.eof or stream.unused_data:
        raise SAMLError(faults.PARAMETER, name=name)
    return inflated


def parser() -> XMLParser:
    """Return a parser that fetches nothing, expands nothing and keeps libxml2's own bounds."""
    from lxml import etree

    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,  # there are some in metadata only
    )


def parse(data: bytes, *, comments: bool = False) -> _Element:
    """Return the root of a document, with nothing in it but elements, attributes and text.

    `comments` are allowed, and dropped, in metadata: the text around one is joined.
    """
    from lxml import etree

    if len(data) > MAX_BYTES:
        raise SAMLError(faults.TOO_LARGE, limit=MAX_BYTES // 1024)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode()
    except UnicodeDecodeError:
        raise SAMLError(faults.NOT_XML, reason="it is not UTF-8") from None
    declared = _DECLARATION.match(data)
    refused = _NOT_COMMENT if comments else _MARKUP
    if refused.search(data, declared.end() if declared else 0):
        raise SAMLError(faults.MARKUP)
    if data.count(b"<") > 2 * MAX_ELEMENTS:
        raise SAMLError(faults.TOO_COMPLEX)
    try:
        root = etree.fromstring(data, parser())
    except etree.XMLSyntaxError as error:
        raise SAMLError(faults.NOT_XML, reason=str(error.msg)) from None
    _check(root)
    return root


def _check(root: _Element) -> None:
    from lxml import etree

    elements = depth = namespaces = 0
    ids: set[str] = set()
    for event, element in etree.iterwalk(root, events=("start", "end", "start-ns", "end-ns")):
        if event == "start-ns":
            namespaces += 1
            continue
        if event == "end-ns":
            namespaces -= 1
            continue
        if event == "end":
            depth -= 1
            continue
        elements, depth = elements + 1, depth + 1
        if (
            elements > MAX_ELEMENTS
            or depth > MAX_DEPTH
            or namespaces > MAX_NAMESPACES
            or len(element.attrib) > MAX_ATTRIBUTES
        ):
            raise SAMLError(faults.TOO_COMPLEX)
        # `ID` of SAML, `Id` of XML Signature, `id`, `xml:id`: another parser may know any of them.
        for name, value in element.attrib.items():
            if name.rpartition("}")[2].lower() == "id":
                if value in ids:
                    raise SAMLError(faults.DUPLICATE_ID, id=value)
                ids.add(value)


def serialize(element: _Element) -> bytes:
    """Return an element as its own document, with the namespaces that it stands in."""
    from lxml import etree

    data: bytes = etree.tostring(element, encoding="utf-8", with_tail=False, xml_declaration=False)
    return data


def text(element: _Element | None) -> str:
    """Return the whole text of an element, without space around it; empty if it is missing."""
    return "" if element is None else "".join(map(str, element.itertext())).strip()


def only(element: _Element, tag: str) -> _Element | None:
    """Return the child of this tag, or None; more than one is a fault."""
    found = element.findall(tag)
    if len(found) > 1:
        raise SAMLError(faults.ELEMENT, parent=local(element.tag), element=local(tag))
    return found[0] if found else None


def one(element: _Element, tag: str) -> _Element:
    child = only(element, tag)
    if child is None:
        raise SAMLError(faults.ELEMENT, parent=local(element.tag), element=local(tag))
    return child


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def time(element: _Element, attribute: str) -> int | None:
    """Return an attribute's time (Core 1.3.3) in microseconds since 1970, or None without it."""
    value = element.get(attribute)
    if value is None:
        return None
    if match := _TIME.fullmatch(value.strip()):
        moment, fraction, zone = match.groups()
        try:
            at = datetime.fromisoformat(moment + (zone or "Z").replace("Z", "+00:00"))
            return (at - _EPOCH) // _MICROSECOND + int((fraction or "").ljust(6, "0"))
        except (ValueError, OverflowError):
            pass
    raise SAMLError(faults.TIME, attribute=attribute, found=value)


def written(microseconds: int) -> str:
    """Return a time as SAML writes it (Core 1.3.3), to the second."""
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
