"""
The plan of the lifecycle area: every request that closes something, or must not, and how many ids each of them needs.

Data alone. Every step has a message of its own, and no pending id is named by two steps.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Final

from closecheck.contract.cases import Json
from closecheck.contract.specification import contract
from closecheck.model import Struct

LONGEST_MESSAGE: Final = 1000
METHODS: Final = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
BY_QUERY: Final = {"GET with a query": "GET", "HEAD with a query": "HEAD"}
"""Safe methods whose query says what a body would say, by what is sent."""
CALLERS: Final = {
    "no token": "none",
    "an expired token": "expired",
    "a forged token": "forged:signature-random",
    "a user without access": "unprivileged",
}
"""Callers who are refused, by what they have."""


class Step(Struct):
    """
    One request of the experiment.

    ``layout`` has a letter for each id: ``p`` pending, ``a`` past approval, ``c`` completed, ``u`` unknown, ``s`` an unknown one that
    several steps share, ``w`` one that names nothing and is like a bystander's; it is repeated ``times`` times. In ``text``, the message, ``@`` stands for the marker; None: the member is left out.
    ``chunks`` are the sizes of those in which the body is sent; none: it is sent with Content-Length. ``refusal`` says what makes a conforming target refuse the request. Bystanders and spares are never sent.
    """

    name: str
    requirement: str
    layout: str = "p"
    text: str | None = "@ Closed by the conformance suite."
    execution: str | None = "Terminated"
    completion: str | None = "Failure"
    times: int = 1
    length: int = 0
    chunks: tuple[int, ...] = ()
    refusal: str = ""
    role: str = "closes"
    """``closes``, ``refused``, ``parallel`` (closes, at the same time as its like), ``repeated``, ``bystander``, ``spare``."""

    @property
    def closes(self) -> bool:
        """Whether a conforming target closes what the step names."""
        return self.role in {"closes", "parallel", "repeated"}

    @property
    def last(self) -> bool:
        """Whether it is sent when nothing else of the run needs an answer any more: the target may ask for a long wait."""
        return self.refusal == "rate limit"

    @property
    def kinds(self) -> str:
        """One letter for each id."""
        return self.layout * self.times

    def members(self, message: str | None) -> dict[str, Json]:
        """Return the members of the body beside the ids."""
        given = {"message": message, "executionStatus": self.execution, "completionStatus": self.completion}
        return {name: value for name, value in given.items() if value is not None}


TEXTS: Final = {
    "1,000 characters": "@ " + "A request waits, and nobody knows why. " * 30,
    "1,000 characters beyond ASCII": "@ " + "Żądanie čeká, 申請は待つ, заявка ждёт, 😀. " * 40,
    "beyond ASCII": "@ Geschlossen für Žofie Ångström, 山田太郎, Ελένη, שרה 😀",
    "quotes": "@ \"double\", 'single', `back', “curly”, it's done",
    "markup": '@ <b>bold</b> & <script>alert("x")</script> &amp; &lt;p&gt; <!-- -->',
    "line breaks": "@ first line\nsecond line\n\n\tthird after a tab",
    "other line breaks": "@ one\r\ntwo\rthree\u2028four\u2029five\x85six",
    "characters that look like others": "@ \ufb01ne \u2460 \xbd \u212b \uff57\uff49\uff44\uff45 \u338f m\xb2 \u2122 \u210c cafe\u0301 caf\xe9",
    "blanks at both ends": "   @ blanks   between and   around   ",
    "templates and escapes": "@ 100 % of {0} ${name} {{x}} %s %d \\n \\u0041 C:\\temp\\",
}
"""Messages that careless code changes, by what they have."""


SPECIAL: Final = (
    Step(
        "message with patterns of replacements", "CAR-LIFE-MESSAGE",
        text=r"@ $& $$ $1 ${1} $` $' \1 \0 \g<0> %1$s %% #{x} {{0}} &#65; ]]> <![CDATA[ \x41 \t ' || '",
    ),
    # What XML 1.0 has no form for, though it ends lines and pages.
    Step("message with a vertical tab and a form feed", "CAR-LIFE-MESSAGE", text="@ first line\vsecond line\fsecond page"),
)  # fmt: skip
"""Messages that are special to what carries them: templates, queues, documents of XML."""
CHUNKED: Final = Step("message beyond ASCII in chunks of one byte", "CAR-BODY-FRAMING", text=TEXTS["beyond ASCII"], chunks=(1,))
"""The message of another step, with each of its characters in several chunks."""
WHOLE: Final = "message with beyond ASCII"
"""The step that sends that message whole."""
ALIKE: Final = tuple(
    Step(f"{where} like another, {number}", "CAR-LIFE-CLOSED", layout)
    for where, layout in {"begins": "sp", "ends": "ps"}.items()
    for number in (1, 2)
)
"""Closings of different requests with one id in common, which a queue may take for the same job."""


def _statuses(name: str) -> tuple[str | None, ...]:
    return (*contract().property(name).values, None)


@functools.cache
def matrix() -> tuple[Step, ...]:
    """Return a step for every choice of the three members, each given or left out; the one with all of them first."""
    found = []
    for text in ("@ Closed by the conformance suite.", None):
        for execution, completion in itertools.product(_statuses("executionStatus"), _statuses("completionStatus")):
            words = [execution or "no execution status", completion or "no completion status"]
            words.append("a message" if text else "no message")
            left_out = None in {text, execution, completion}
            requirement = "CAR-LIFE-EXECUTION" if execution else "CAR-LIFE-COMPLETION"
            if left_out:
                missing = {"EXECUTION": execution, "COMPLETION": completion, "MESSAGE": text}
                requirement = f"CAR-LIFE-{next(name for name, value in missing.items() if value is None)}-DEFAULT"
            step = Step(", ".join(words), requirement, text=text, execution=execution, completion=completion)
            found.append(step)
    found.sort(key=lambda step: (step.execution, step.completion, step.text is None) != ("Terminated", "Failure", False))
    return tuple(found)


@functools.cache
def texts() -> tuple[Step, ...]:
    """Return a step for each message that careless code changes."""
    return tuple(
        Step(
            f"message with {name}",
            "CAR-LIFE-MESSAGE",
            text=text,
            length=LONGEST_MESSAGE if name.startswith("1,000") else 0,
        )
        for name, text in TEXTS.items()
    )


ONE: Final = matrix()[0].name
BYSTANDER: Final = "bystander 1"
NOTHING_ELSE: Final = "no execution status, no completion status, no message"
LISTS: Final = {
    "three": Step("three", "CAR-LIFE-CLOSED", "p", execution="Completed", completion="Success", times=3),
    "five hundred": Step("five hundred", "CAR-LIFE-CLOSED", "p", execution="Completed", completion="Incomplete", times=500),
    # No round number: the last batch of most batch sizes is then a part of one.
    "one hundred and twenty-three": Step(
        "one hundred and twenty-three", "CAR-LIFE-CLOSED", "p", execution="Completed", completion="Failure", times=123
    ),
}
MIXED: Final = tuple(
    Step(f"an unknown id {where}", "CAR-LIFE-FAILED-IDS", layout, execution="Completed", completion="Success")
    for where, layout in {
        "first": "upp",
        "in the middle": "pup",
        "last": "ppu",
        "in several places": "upupu",
        # So many that their text is longer than columns of 255, 1,000 and 4,000 characters.
        "150 times": "u" * 75 + "p" + "u" * 75,
    }.items()
)
CROWD: Final = Step("five hundred unknown ids", "CAR-LIFE-COMPLETED", "u", times=500)
"""A job as long as the documentation allows that closes nothing: some end without a word."""
NEWER: Final = frozenset(step.name for step in (*SPECIAL, CHUNKED, *ALIKE, CROWD))
"""Steps of a later edition than the first, whose audits are judged by a test of their own."""
WILD: Final[dict[str, Callable[[str], str]]] = {
    "an id with a percent sign": lambda one: f"{one[:-1]}%",
    "an id with an underline": lambda one: f"{one[:-1]}_",
    "the beginning of an id": lambda one: one[: len(one) * 2 // 3],
}
"""Ids that name nothing, and that a careless comparison takes for one of the bystanders."""
WILDCARDS: Final = tuple(Step(name, "CAR-LIFE-ONLY-NAMED", "w") for name in WILD)
APPROVED: Final = (
    Step("past approval", "CAR-LIFE-AFTER-APPROVAL", "a"),
    Step("past approval, among others", "CAR-LIFE-AFTER-APPROVAL", "pap", execution="Completed", completion="Success"),
)
OVER: Final = (
    Step("completed", "CAR-LIFE-NOT-REOPENED", "c"),
    Step("completed, among others", "CAR-LIFE-NOT-REOPENED", "pcp", completion="Incomplete"),
)
PARALLEL: Final = tuple(
    Step(
        f"at the same time, {n}",
        "CAR-LIFE-CONCURRENT",
        "pp",
        execution=execution,
        completion=completion,
        role="parallel",
    )
    for n, (execution, completion) in enumerate(itertools.product(("Terminated", "Completed"), ("Success", "Incomplete", "Failure")), 1)
)
REPEATED: Final = Step("repeated", "CAR-LIFE-REPEAT", role="repeated")
REFUSED: Final = {
    step.name: step
    for step in (
        *(
            Step(f"refused: {refusal}", "CAR-BODY-ATOMIC", layout, refusal=refusal, role="refused")
            for refusal, layout in {
                "a number after the id": "p",
                "null before the id": "p",
                "an object between two ids": "pp",
                "an execution status that does not exist": "p",
                "a completion status that does not exist": "p",
                "a message that is a number": "p",
                "501 ids": "p",
            }.items()
        ),
        *(
            Step(f"refused: {refusal}", "CAR-AUTH-NO-EFFECT", refusal=refusal, role="refused")
            for refusal in ("no token", "an expired token", "a forged token", "a user without access")
        ),
        Step("refused: rate limit", "CAR-RATE-NO-EFFECT", refusal="rate limit", role="refused"),
        Step("refused: internal fault", "CAR-FAULT-NO-EFFECT", refusal="internal fault", role="refused"),
        *(Step(f"refused: {method}", "CAR-OP-SAFE-METHODS", refusal=method, role="refused") for method in ("GET", "HEAD", *BY_QUERY)),
        *(Step(f"refused: {method}", "CAR-OP-OTHER-METHODS", refusal=method, role="refused") for method in ("PUT", "PATCH", "DELETE")),
    )
}


@functools.cache
def plan() -> tuple[Step, ...]:
    """Return every step, the most telling first: when there are too few ids, the last ones go without."""
    bystanders = [Step(BYSTANDER, "CAR-LIFE-ONLY-NAMED", role="bystander")]
    bystanders += [Step(f"bystander {n}", "CAR-LIFE-ONLY-NAMED", role="bystander") for n in range(2, 7)]
    spares = [Step(f"spare {n}", "CAR-LIFE-CONCURRENT", role="spare") for n in range(1, 9)]
    singles = {step.name: step for step in matrix()}
    first = [
        singles.pop(ONE),
        bystanders[0],
        singles.pop(NOTHING_ELSE),
        REFUSED["refused: a number after the id"],
        REFUSED["refused: no token"],
        REFUSED["refused: GET"],
        LISTS["three"],
        bystanders[1],
        *MIXED,
        *WILDCARDS,
        *APPROVED,
        *OVER,
        REPEATED,
        *PARALLEL[:2],
    ]
    others = [
        *singles.values(),
        bystanders[2],
        *REFUSED.values(),
        CROWD,
        *texts(),
        *SPECIAL,
        CHUNKED,
        *ALIKE,
        *PARALLEL,
        *bystanders[3:],
        *spares,
    ]
    rest = [step for step in others if step not in first]
    return (*first, *rest, LISTS["five hundred"], LISTS["one hundred and twenty-three"])


def needs() -> list[tuple[str, int]]:
    """Return how many pending or approved requests a whole run closes, by the requirement that most asks for it."""
    counted: Counter[str] = Counter()
    for step in plan():
        if step.closes:
            counted[step.requirement] += sum(kind in "pa" for kind in step.kinds)
    return list(counted.items())


def pending_needed(*, without_long_lists: bool = False) -> int:
    """Return how many pending requests a whole run needs, those included that must stay as they are."""
    return sum(step.kinds.count("p") for step in plan() if not (without_long_lists and step.times > 3))
