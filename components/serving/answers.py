"""What goes back to a client: an answer, or an error that says what was found, what was wanted and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from components.serving.contract import WHOLE, Problem

MOST_TOLD = 100
"""Of a request's problems, so many are told one by one."""

JSON = b"application/json"
REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")
"""How a client may call its request."""

Header = tuple[bytes, bytes]


class Answer(msgspec.Struct, frozen=True):
    """What is sent: a status, a body and its type, and further headers."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()


class RequestError(Exception):
    """A request that is not answered with predictions.

    Attributes:
        status: of HTTP.
        message: for people.
        problems: which rows break which rules, if that is why.
        reason: under what the metrics count it: "queue", "body", "rows", "token", "timeout", "unread",
            "connections", "memory", "malformed" or "".
        headers: that the answer carries.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        problems: Sequence[Problem] = (),
        reason: str = "",
        headers: tuple[Header, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.problems = status, message, problems
        self.reason, self.headers = reason, headers

    def answer(self) -> Answer:
        """The error as every route tells it: `error` is the word of the Open Inference Protocol, the others MLflow's."""
        said: dict[str, Any] = {
            "error": self.message,
            "error_code": _CODES.get(self.status, "BAD_REQUEST"),
            "message": self.message,
        }
        if self.problems:
            said |= told(self.problems)
        return Answer(self.status, msgspec.json.encode(said), headers=self.headers)


_CODES = {
    401: "UNAUTHENTICATED",
    404: "ENDPOINT_NOT_FOUND",
    413: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}


def told(problems: Sequence[Problem]) -> dict[str, Any]:
    """Problems as JSON: the first hundred one by one, and how many there are; a row of null is every row."""
    return {
        "problems": [
            {
                "row": None if problem.row == WHOLE else problem.row,
                "column": problem.column[:200],
                "rule": problem.rule,
                "found": problem.found,
            }
            for problem in problems[:MOST_TOLD]
        ],
        "problems_total": len(problems),
    }


def refused(problems: Sequence[Problem]) -> RequestError:
    """The error of rows that break the contract; its message names the first row, column and rule."""
    first = problems[0]
    where = "every row" if first.row == WHOLE else f"row {first.row}"
    more = f", and {len(problems) - 1:,} more" if len(problems) > 1 else ""
    message = f"{where}, column {first.column[:200]!r}: {first.rule} (found {first.found}){more}; see the contract at /openapi.json."
    return RequestError(422, message, problems=problems)
