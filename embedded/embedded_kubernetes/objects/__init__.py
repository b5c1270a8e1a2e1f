"""Objects of the API server as they are in its JSON: read, written, and followed as they change."""
