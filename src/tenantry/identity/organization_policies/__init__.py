"""Sign-in policies of organizations: changing them, simulating a change, and enforcing them.

The record and the decision about one access are in `tenants.organizations.policy`. `enforcement`
collects the evidence that a decision takes; sign-ins, grants, API keys and the API call it.
"""

__all__ = ["enforcement"]
