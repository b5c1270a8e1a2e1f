"""Model calls: one client with the caps and the prices, one file for each provider."""
