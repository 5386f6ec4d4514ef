"""Who keeps the users. Auth stands below that service, so it is handed in at start."""

from typing import Protocol
from uuid import UUID


class Person(Protocol):
    """What auth needs to know of a user."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def email(self) -> str: ...

    @property
    def name(self) -> str: ...


class People(Protocol):
    """The users, as the service that keeps them offers them."""

    async def find_or_create(
        self,
        *,
        email: str,
        name: str,
        provider: str,
        subject: str | None = None,
        user_id: UUID | None = None,
    ) -> Person:
        """The person whom a provider knows by `subject`, else the one with the id `user_id`, else
        the one with this address, which the provider has verified.

        A new one gets the id `user_id`, if one is named. Raises `AppError` for somebody who may
        not sign in.
        """

    async def find_person(self, user_id: UUID) -> Person | None:
        """The person with this id, if he is active."""


_people: People | None = None


def use(people: People) -> None:
    """Take the users from here on."""
    global _people
    _people = people


def current() -> People:
    """Whoever keeps the users."""
    if _people is None:
        raise RuntimeError("people.use has not been called")
    return _people
