"""Templates of token claims: what an operator has tokens of people say beside our own claims.

Owns the table of the one that there is, and the language of its expressions: `parsing`,
`expressions` and `functions` are pure and bounded, `templates` makes claims of a template,
`variables` says what expressions may name. `issuing` serves the endpoints that issue tokens.
"""

__all__ = ["issuing", "model", "reading", "service", "templates", "variables"]
