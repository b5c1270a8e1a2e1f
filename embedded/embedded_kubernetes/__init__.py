"""Kubernetes on this machine: the real API server and controllers, with fake nodes, to try things out."""
