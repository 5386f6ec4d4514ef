"""Places in an order as text: between two of them there is always room for another.

A rank is an integer with its length in front, then a fraction, in base 62: the integers keep ranks
short when thousands of cards are appended, the fractions make room between neighbours. Ranks
compare bytewise (`COLLATE "C"`). No rank ends in the digit 0, so nothing is without room below.
"""

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MIDDLE = DIGITS[len(DIGITS) // 2]
FIRST = "a0" + _MIDDLE
"""The rank of the first thing in an empty order: `a0` is the integer 0 (`a`: one digit)."""

LONGEST = 150
"""A rank beyond this is a sign that an order should be spread anew."""


def between(low: str | None, high: str | None) -> str:
    """A rank above `low` and below `high`; None stands for the end on that side.

    Raises ValueError unless `low < high`.
    """
    if low is not None and high is not None and low >= high:
        raise ValueError("the neighbours of a rank are out of order")
    if low is None and high is None:
        return FIRST
    if high is None:
        assert low is not None
        following = _following(_integer(low))
        return following + _MIDDLE if following else low + _MIDDLE
    if low is None:
        preceding = _preceding(_integer(high))
        return preceding + _MIDDLE if preceding else _fraction("", high)
    return _fraction(low, high)


def spread(count: int) -> list[str]:
    """Ranks for `count` things in a new order."""
    ranks: list[str] = []
    for _ in range(count):
        ranks.append(between(ranks[-1] if ranks else None, None))
    return ranks


def _fraction(low: str, high: str) -> str:
    """Text strictly between two texts, the shortest that a digit in the middle gives."""
    shared = 0
    while shared < len(high) and (low[shared : shared + 1] or "0") == high[shared]:
        shared += 1
    prefix = high[:shared]
    below = DIGITS.index(low[shared]) if shared < len(low) else 0
    above = DIGITS.index(high[shared]) if shared < len(high) else len(DIGITS)
    if above - below > 1:
        return prefix + DIGITS[(below + above) // 2]
    # Neighbouring digits: keep the lower one and go into what follows it.
    rest = low[shared + 1 :]
    return prefix + DIGITS[below] + _above(rest)


def _above(text: str) -> str:
    """The shortest text above another one, of the same length or one digit longer."""
    for place, digit in enumerate(text):
        number = DIGITS.index(digit)
        if number < len(DIGITS) - 1:
            return text[:place] + DIGITS[(number + len(DIGITS)) // 2]
    return text + _MIDDLE


def _length(head: str) -> int:
    """How many digits an integer has whose first character is `head`: a…z and Z…A."""
    if "a" <= head <= "z":
        return ord(head) - ord("a") + 1
    return ord("Z") - ord(head) + 1


def _integer(rank: str) -> str:
    return rank[: 1 + _length(rank[0])]


def _following(integer: str) -> str | None:
    """The next integer; None after the last."""
    head, digits = integer[0], list(integer[1:])
    for place in range(len(digits) - 1, -1, -1):
        number = DIGITS.index(digits[place]) + 1
        if number < len(DIGITS):
            digits[place] = DIGITS[number]
            return head + "".join(digits)
        digits[place] = "0"
    if head == "Z":
        return "a0"
    if head == "z":
        return None
    longer = chr(ord(head) + 1)
    return longer + "0" * _length(longer)


def _preceding(integer: str) -> str | None:
    """The integer before; None before the first."""
    head, digits = integer[0], list(integer[1:])
    for place in range(len(digits) - 1, -1, -1):
        number = DIGITS.index(digits[place]) - 1
        if number >= 0:
            digits[place] = DIGITS[number]
            return head + "".join(digits)
        digits[place] = DIGITS[-1]
    if head == "a":
        return "Z" + DIGITS[-1]
    if head == "A":
        return None
    longer = chr(ord(head) - 1)
    return longer + DIGITS[-1] * _length(longer)
