"""What the checks found, printed line by line."""

import sys
from collections.abc import Callable
from typing import NamedTuple

GOOD, WARNING, BAD = "✓", "!", "✗"
PLAIN = {GOOD: "ok", WARNING: "!!", BAD: "NO"}
"""The marks for a terminal that can't show them."""


class Finding(NamedTuple):
    """What was seen, and what to do about it when it isn't good."""

    mark: str
    seen: str
    advice: str = ""


class Report:
    """Collects findings and prints each as it comes."""

    def __init__(self, say: Callable[[str], None] = print) -> None:
        self.findings: list[Finding] = []
        self._say = say

    def good(self, seen: str) -> None:
        self._add(Finding(GOOD, seen))

    def warn(self, seen: str, advice: str) -> None:
        """Works, but an operator should know."""
        self._add(Finding(WARNING, seen, advice))

    def bad(self, seen: str, advice: str) -> None:
        """Does not work."""
        self._add(Finding(BAD, seen, advice))

    def count(self, mark: str) -> int:
        return sum(finding.mark == mark for finding in self.findings)

    def close(self) -> int:
        """Print the sum; the exit status: 1 when something is broken."""
        broken, warnings = self.count(BAD), self.count(WARNING)
        verdict = f"{broken} broken" if broken else "nothing is broken"
        self._say(f"\n{verdict}{f', {warnings} to look at' if warnings else ''}")
        return 1 if broken else 0

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        mark = finding.mark
        try:
            mark.encode(sys.stdout.encoding or "ascii")
        except UnicodeEncodeError:
            mark = PLAIN[mark]
        self._say(f"{mark} {finding.seen}")
        if finding.advice:
            self._say(f"    {finding.advice}")
