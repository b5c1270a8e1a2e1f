"""What the embedded Kubernetes is built from: pinned Go modules, built once."""

from embedded_kubernetes.toolchain.binaries import Binaries, binaries


__all__ = ["Binaries", "binaries"]
