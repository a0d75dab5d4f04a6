"""SAML 2.0 of a service provider: messages in and out, as pure functions of what they are given.

Nothing here reads a clock, a database or the network. `response.py` and `logout.py` read what an
identity provider sends, `writing.py` and `logout.py` write ours, `idp_metadata.py` and
`sp_metadata.py` do the same for metadata. Under them: `parsing.py` (bounds), `signatures.py`,
`decryption.py`, `bindings.py`, `certificates.py`; functions raise `SAMLError`, and `faults.py`
says in sentences for an IT admin all that can be wrong. docs/decisions/0019 has the checks, and
the choice of libraries.

lxml and signxml are imported by the first call that needs them: a deployment without SAML pays
neither their time nor their memory.

Sections are of SAML 2.0 Core, Bindings, Profiles and Metadata (OASIS, March 2005), and of XML
Signature and XML Encryption (W3C).
"""
