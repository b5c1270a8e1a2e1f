"""Obeys KEDA's ScaledObjects: to zero and back, and by how much there is to do."""
