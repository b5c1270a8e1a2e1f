"""The command `agent-hosting`: deploys a project to the embedded cloud, asks its agents, packs releases."""
