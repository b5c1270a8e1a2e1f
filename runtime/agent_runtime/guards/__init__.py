"""What stops a run that goes wrong while nothing in it fails."""
