"""What is learned: the painter, the critic and the layers they are made of."""
