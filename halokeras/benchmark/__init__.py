"""How fast halopaint is, beside the same networks written the obvious way."""
