"""Imports the official SDK once; what it warns of on import is not ours to mend."""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "`json_encoders` is deprecated")
    import scalekit  # noqa: F401
