"""`wealist doctor`: looks at every part the way the server will use it, and says what to do."""

from wealist.doctor.examine import examine

__all__ = ["examine"]
