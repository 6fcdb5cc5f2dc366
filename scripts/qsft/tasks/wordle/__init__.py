"""Wordle as text (arXiv 2411.05193, section 5.1): guess a hidden word in at most six tries."""
