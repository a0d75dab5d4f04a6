"""From where a person has signed in before: which browsers, and which networks.

A browser is known by a cookie that it keeps for long, a network by its address or prefix. Both lie
here as digests. So a sign-in from a new device is noticed, and a person's own attempts and mails
are apart from those of strangers, which could use them up.
"""

__all__ = ["cookies", "service"]
