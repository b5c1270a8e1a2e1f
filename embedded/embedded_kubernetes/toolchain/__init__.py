"""What the embedded Kubernetes is built from: pinned Go modules, built once."""

from embedded_kubernetes.toolchain.binaries import Binaries, binaries
from embedded_kubernetes.toolchain.definitions import definitions

__all__ = ["Binaries", "binaries", "definitions"]
