"""The environment: settings that the API stores, those in effect, documents about it.

Owns the values that are stored for the deployment as a whole. A setting that the environment of the
server or its file gives is fixed, and no stored value changes it.
"""

__all__ = ["effective", "model", "service"]
