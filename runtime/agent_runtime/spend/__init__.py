"""What an agent, a tenant and a run may spend: reserved before each model call, settled after it."""
