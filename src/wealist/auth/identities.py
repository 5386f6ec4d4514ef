"""A person as a sign-in provider knows him."""

from typing import NamedTuple


class Identity(NamedTuple):
    """Who has signed in where; `subject` never changes and is nobody else's at that provider.

    The provider has verified `email`.
    """

    provider: str
    subject: str
    email: str
    name: str
