"""How a trained painter is used: tiles, and a box of any size."""
