"""Answers the HTTP APIs that a stack declares, and issues the tokens that they check."""

from embedded_aws.http_apis.app import HttpApis
from embedded_aws.http_apis.issuer import Issuer

__all__ = ["HttpApis", "Issuer"]
