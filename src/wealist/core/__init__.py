"""What at least two services stand on. Knows no service."""
