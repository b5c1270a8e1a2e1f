"""What rules are made of, and what judges a stack by them. Knows Pulumi in `engine` and `recording` alone."""
