"""Languages, and translations of texts."""
