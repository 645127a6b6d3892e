"""Who may make an account for themselves: whether anybody may, and the question that keeps programs out."""

from dataclasses import dataclass

from bittorrent.refusal import Refusal

_LONGEST_ANSWER = 200


@dataclass(frozen=True, slots=True)
class Registration:
    """The terms of registration: `open` to anybody, who has one of the `answers` to the question where there is one.

    Case and spaces of an answer make no difference.
    """

    open: bool = False
    question: str = ""
    answers: tuple[str, ...] = ()

    def require_answer(self, answer: str) -> None:
        """Refuse a wrong answer: `invalid` (field `answer`)."""
        if self.question and _tidy(answer[:_LONGEST_ANSWER]) not in {_tidy(each) for each in self.answers}:
            raise Refusal("invalid", fields={"answer": ["It is not the answer to the question."]})


def _tidy(text: str) -> str:
    return " ".join(text.casefold().split())
