"""A stack in the words of Terraform, for tools that read nothing else."""
