"""Application Auto Scaling of ECS services, by the policies that a stack declares."""

from embedded_aws.tasks.scaling.scaler import Scaler

__all__ = ["Scaler"]
