"""Evaluates CloudWatch's metric alarms and runs their actions."""

from embedded_aws.alarms.alarms import Alarms

__all__ = ["Alarms"]
