"""Answers for balancers: is the process alive, should it be sent requests."""
