"""Everything that touches the world, behind the ports of the core."""
