"""Runs the pods of the embedded cluster as local processes."""
