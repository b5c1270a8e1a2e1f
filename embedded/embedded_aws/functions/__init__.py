"""Runs the Lambda functions that a stack declares, as local processes."""

from embedded_aws.functions.executor import Functions
from embedded_aws.functions.install import install
from embedded_aws.functions.invocation import Invocation
from embedded_aws.functions.sandbox import Credentials

__all__ = ["Credentials", "Functions", "Invocation", "install"]
