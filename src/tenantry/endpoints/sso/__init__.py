"""Sign-ins by a provider of somebody else, seen from the browser: the way there, and the way back.

Owns the addresses below `/sso/v1` that providers and browsers are sent to, and the page of a
sign-in that can be told to no application. The protocols themselves are pure functions of
`identity.connections`; the rules for a person that a provider vouches for stand in
`identity.sign_in`, to whose pages the browser is led back.
"""
