"""A Pulumi provider for the `aws` package: one engine, and a table row for each resource type."""
