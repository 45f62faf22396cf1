"""Whether halopaint works here: what it finds on the machine, and a tile painted as a test."""
