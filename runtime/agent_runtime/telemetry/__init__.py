"""What leaves a run to be looked at: log lines, metrics and spans, each redacted before it goes."""
