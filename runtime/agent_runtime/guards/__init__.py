"""What stops a run that goes wrong, or a call that would be for nothing."""
