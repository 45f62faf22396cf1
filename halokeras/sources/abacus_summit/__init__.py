"""AbacusSummit products."""
