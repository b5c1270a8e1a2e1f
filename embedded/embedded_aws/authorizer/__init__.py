"""Decides every AWS call by the policies that are deployed, as IAM documents it."""

from embedded_aws.authorizer.authorizer import Authorizer, read_log
from embedded_aws.authorizer.refusals import Refusal
from embedded_aws.authorizer.refused_calls import RefusedCall
from embedded_aws.authorizer.sessions import Credentials

__all__ = ["Authorizer", "Credentials", "Refusal", "RefusedCall", "read_log"]
