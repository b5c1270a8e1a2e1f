"""Bridges from other frameworks to the runtime. Each needs its own extra, and nothing else imports them."""
