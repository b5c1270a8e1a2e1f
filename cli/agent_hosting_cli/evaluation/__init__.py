"""Evaluates an agent's working tree and judges it against its gate: `agent-hosting gate AGENT`.

`gating` puts the parts together; `files.evidence_of_file` reads the evidence that it writes.
"""
