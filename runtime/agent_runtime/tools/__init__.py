"""What an agent does to the world: its tools, and the rules that they are called by."""
