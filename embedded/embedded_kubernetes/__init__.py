"""Kubernetes on this machine: the real API server, its controllers and fake nodes, for trying out and tests."""
