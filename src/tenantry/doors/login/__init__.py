"""The hosted sign-in pages, at our own origin: what a person sees between application and code.

Owns pages, their words in each language, and the browser's cookie. What may follow on what is
`tenantry.identity.sign_in.states`.
"""
