"""How a release reaches everyone: gates, the traffic record, and the decision to advance, hold or go back."""
