"""Thin hosts: each turns its platform's event into a run, and the outcome into its platform's answer."""
