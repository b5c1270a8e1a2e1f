"""What stops or hands over a run that goes wrong, or stops a call that would be for nothing."""
