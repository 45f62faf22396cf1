"""What is wrong with halos and density that do not belong together."""
