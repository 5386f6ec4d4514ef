"""The parts weAlist brings along itself: PostgreSQL and Valkey as supervised child processes."""
