"""What other services may use of this one."""

from wealist.user.queries import is_member
from wealist.user.users import find_or_create, find_person

__all__ = ["find_or_create", "find_person", "is_member"]
