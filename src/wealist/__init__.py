"""weAlist: a self-hosted collaboration backend in one process."""

__version__ = "0.1.0"
