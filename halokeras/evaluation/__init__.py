"""How good the paint is: scorecards and figures."""
