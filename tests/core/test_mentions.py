"""Who is mentioned in a text."""

from time import perf_counter
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wealist.core.mentions import MOST, mentioned

ANN = UUID("0190a000-0000-7000-8000-00000000000a")
WORDS = st.text(alphabet=st.characters(exclude_characters="]\n<@"), max_size=50)


@pytest.mark.parametrize(
    "text",
    [
        f"@[Ann]({ANN})",
        f"Hi @[Ann Lee 🙂]({ANN}), look",
        f"<@{ANN}>",
        f"x<@{str(ANN).upper()}>x",
        f"@[]({ANN})",
        f"@[[]({ANN})",
    ],
)
def test_both_ways_of_mentioning_are_known(text: str) -> None:
    assert mentioned(text) == {ANN}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@Ann",
        f"[Ann]({ANN})",
        f"@[Ann] ({ANN})",
        f"@[Ann\n]({ANN})",
        f"@[Ann]({ANN.hex})",
        f"<@ {ANN}>",
        f"<@{ANN}",
        f"@{ANN}",
        "@[Ann](not-an-id)",
    ],
)
def test_nothing_else_is_one(text: str) -> None:
    assert mentioned(text) == set()


@given(st.lists(st.tuples(WORDS, st.uuids(), st.booleans()), max_size=MOST), WORDS)
def test_all_are_found_whatever_stands_between(
    people: list[tuple[str, UUID, bool]], rest: str
) -> None:
    text = rest + "".join(
        f"{words} @[{words}]({one})" if named else f"{words}<@{one}>"
        for words, one, named in people
    )
    assert mentioned(text) == {one for _, one, _ in people}


@given(st.text())
def test_any_text_may_be_asked(text: str) -> None:
    assert mentioned(text) == set()


def test_the_first_fifty_count() -> None:
    people = [uuid4() for _ in range(MOST + 10)]
    assert mentioned(" ".join(f"<@{one}>" for one in people)) == set(people[:MOST])


@pytest.mark.parametrize("piece", ["@[", "@[x](", "<@", "@[" + "x" * 199, f"@[x]({ANN}"])
def test_no_text_takes_long(piece: str) -> None:
    begun = perf_counter()
    mentioned(piece * (200_000 // len(piece)))
    assert perf_counter() - begun < 2
