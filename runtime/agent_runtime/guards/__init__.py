"""What stops or hands over a run that goes wrong."""
