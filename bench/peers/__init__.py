"""What the race against the peers is made of: the problem, its check, and an adapter for each contestant."""
