"""How it is learned: crops, the adversarial training step, checkpoints and runs."""
