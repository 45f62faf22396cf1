"""Where fields come from: simulations, cosmologies, gridding and the Box that holds them."""
