"""Other people's simulations, one folder a source, as a `Source` that becomes a box."""
