"""Everything on one machine: what AWS does for the deployed stack, played on loopback."""
