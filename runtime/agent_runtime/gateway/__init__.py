"""What lies between agents and the tools that they share: permissions that no model can talk round."""
