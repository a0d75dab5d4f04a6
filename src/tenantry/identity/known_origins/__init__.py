"""From where a person has signed in before: which browsers, and which networks.

A browser is known by a cookie that it keeps for long, a network by its address or prefix. Both lie
here as digests. It is what tells a sign-in from a new device, and it keeps a person's own attempts
and mails apart from those of strangers, who could use them up.
"""
