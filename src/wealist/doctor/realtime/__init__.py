"""Proving that live boards keep their promise, against a running installation over its public API.

`wealist check-realtime` is the command; the chaos program of the tests uses the same clients.
"""
