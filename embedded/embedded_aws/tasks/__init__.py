"""Runs the ECS services that a stack declares, as local processes."""

from embedded_aws.tasks.tasks import Tasks

__all__ = ["Tasks"]
