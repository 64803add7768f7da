"""What stands around a core while it is simulated, and what is seen of it."""
