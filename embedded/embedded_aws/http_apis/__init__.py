"""Answers the HTTP APIs that a stack declares, and issues the tokens that they check.

Nothing is imported here: the command line takes the issuer alone, and `app` brings all of moto.
"""
