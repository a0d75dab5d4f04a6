"""People signing in: the steps of a sign-in, proofs, sessions, codes and refresh tokens."""
