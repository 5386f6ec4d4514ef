"""docs/notifications.md shows the table of rules as it is."""

from pathlib import Path

from wealist.noti.rules import EMAIL, IN_APP, PUSH, RULES, Rule

DOCUMENT = Path(__file__).parents[2] / "docs" / "notifications.md"
WAYS = {IN_APP: "app", EMAIL: "e-mail", PUSH: "push"}


def table() -> str:
    """The rows as the document has them."""
    rows = ["| Type | Category | About a | By default | When |", "| --- | --- | --- | --- | --- |"]
    rows += [_row(kind, rule) for kind, rule in RULES.items()]
    return "\n".join(rows)


def _row(kind: str, rule: Rule) -> str:
    ways = ", ".join(word for way, word in WAYS.items() if way in rule.defaults)
    when = rule.producer or f"never: {rule.reason}"
    return f"| `{kind}` | {rule.category} | {rule.resource_type} | {ways} | {when} |"


def test_the_table_is_that_of_the_code() -> None:
    assert table() in DOCUMENT.read_text()
