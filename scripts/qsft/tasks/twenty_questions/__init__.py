"""Twenty Questions (arXiv 2411.05193, section 5.1): find the object with at most 20 questions."""
