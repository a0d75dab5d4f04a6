"""Signing keys: one that signs, the next one published ahead of its use, and those that retired.

A token in flight never fails over a rotation: verifiers know a key before it first signs and
until the last token that it signed has expired. Private keys are encrypted at rest.
"""
