"""The reference documentation: the pages below `/docs`, the OpenAPI document, the schemas of
events.

Owns how the contract is shown: the operations read off the descriptors, their names and groups
(`names.toml`), their rules in words and as JSON Schema, the example answers and the samples in five
languages (`samples/`, one file per operation; each is run by a test), the endpoints of OAuth
(`endpoints.toml`), what to do about each error (`remedies.toml`), and the catalogue of the
`webhooks` package as a page. Owns how the guides of `docs/` are shown, all pages as Markdown, and
the search in them. Does not own the contract: routes, rules, comments and examples are in
`proto/`. Pages are rendered at the first request, and the latest ones are cached.
"""
