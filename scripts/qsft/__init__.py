"""Q-SFT (Hong, Dragan, Levine 2024, arXiv 2411.05193): train, export and evaluate policies."""
