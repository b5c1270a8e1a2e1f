"""Finds or builds the tools that Python's registry does not have: Pulumi's engine, and Go to build it
with."""
