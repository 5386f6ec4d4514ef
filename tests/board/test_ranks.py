"""Ranks: there is always room between two neighbours, and ranks stay short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wealist.board import ranks


@given(st.lists(st.integers(0, 10_000), max_size=150))
def test_an_order_built_by_any_insertions_is_the_order_of_its_ranks(places: list[int]) -> None:
    order: list[str] = []
    for place in places:
        at = place % (len(order) + 1)
        low = order[at - 1] if at else None
        high = order[at] if at < len(order) else None
        order.insert(at, ranks.between(low, high))
    assert order == sorted(order)
    assert len(set(order)) == len(order)
    assert all(not rank.endswith("0") for rank in order)


@given(st.lists(st.sampled_from(["first", "last"]), min_size=1, max_size=3000))
def test_ranks_at_the_ends_stay_short(ends: list[str]) -> None:
    low = high = ranks.FIRST
    for end in ends:
        if end == "first":
            low = ranks.between(None, low)
        else:
            high = ranks.between(high, None)
    assert max(len(low), len(high)) <= 6


def test_thousands_of_ranks_are_in_order_and_short() -> None:
    made = ranks.spread(20_000)
    assert made == sorted(made)
    assert max(map(len, made)) <= 6


def test_insertions_at_one_and_the_same_place_cost_little_each() -> None:
    low, high = ranks.spread(2)
    for _ in range(400):
        high = ranks.between(low, high)
    assert len(high) <= ranks.LONGEST


def test_neighbours_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="out of order"):
        ranks.between("b", "a")
