"""The hosted sign-in pages, at our own origin: what a person sees between application and code.

Owns pages, their words in each language, and the browser's cookie. The order of the steps is that
of `tenantry.identity.sign_in.auth_requests.states`.
"""
