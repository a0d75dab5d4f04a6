"""API tokens: long-lived, opaque keys that an organization's programs send to the product's API.

Only a hash of one is kept. The product asks here whose a token is; the answer is remembered for
less than a second, so one that is put out of force is refused everywhere within a second.
"""

__all__ = ["listing", "model", "service", "token_cache"]
