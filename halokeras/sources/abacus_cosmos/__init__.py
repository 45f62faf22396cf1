"""AbacusCosmos products and the initial conditions of zeldovich-PLT."""
