"""Templates of token claims: what an operator has tokens of people say beside our own claims.

Owns the language of their expressions: `parsing`, `expressions` and `functions` are pure and
bounded, `templates` makes claims of a template, `variables` says what expressions may name.
"""

__all__: list[str] = []
