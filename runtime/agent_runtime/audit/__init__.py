"""One append-only trail of what an agent did and who decided it: hash-chained, and kept where the agent
cannot take it back."""
