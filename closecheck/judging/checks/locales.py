"""Languages of error messages: well-formed tags, the default, and what was asked for (CAR-ERROR-LOCALE-*)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from closecheck.judging.checks._ruling import Ruling, rule
from closecheck.judging.checks.error_body import ERROR_STATUSES, messages_of
from closecheck.judging.exchange import Exchange
from closecheck.model import Struct

# RFC 5646, 2.1. langtag = language ["-" script] ["-" region] *("-" variant) *("-" extension) ["-" privateuse]
# A library's parser will not do for the judgement: langcodes takes en_US and e1, and refuses the well-formed "english".
_LANGUAGE: Final = r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"
_EXTENSION: Final = r"[0-9a-wy-z](?:-[a-z0-9]{2,8})+"
_PRIVATE: Final = r"x(?:-[a-z0-9]{1,8})+"
_IRREGULAR: Final = "en-gb-oed|i-ami|i-bnn|i-default|i-enochian|i-hak|i-klingon|i-lux|i-mingo|i-navajo|i-pwn|i-tao|i-tay|i-tsu|sgn-be-fr|sgn-be-nl|sgn-ch-de"
_TAG: Final = re.compile(
    rf"{_LANGUAGE}(?:-[a-z]{{4}})?(?:-(?:[a-z]{{2}}|\d{{3}}))?(?:-(?:[a-z0-9]{{5,8}}|\d[a-z0-9]{{3}}))*(?:-{_EXTENSION})*(?:-{_PRIVATE})?"
    rf"|{_PRIVATE}|{_IRREGULAR}",
    re.IGNORECASE | re.ASCII,  # or a long s would be an s, and an Arabic digit a digit
)
_EXTENDED: Final = re.compile(r"(?:^|-)[a-z0-9]-", re.IGNORECASE)
_PRIVATE_USE: Final = re.compile(r"q[a-t][a-z](?:-|$)|x-", re.IGNORECASE)
# RFC 9110, 12.5.4: language-range [weight]; RFC 4647, 2.1: language-range = 1*8ALPHA *("-" 1*8alphanum) / "*"
_RANGE: Final = re.compile(r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")


def well_formed(tag: str) -> bool:
    """Tell whether a text is a well-formed language tag (RFC 5646, 2.2.9)."""
    return _TAG.fullmatch(tag) is not None


def primary(tag: str) -> str:
    """Return the primary language subtag of a tag or range, lower case."""
    return tag.split("-", 1)[0].lower()


class Range(Struct):
    """A language range with its weight (RFC 9110, 12.4.2), lower case."""

    tag: str
    quality: float

    def covers(self, tag: str) -> bool:
        """Tell whether the range matches a tag by basic filtering (RFC 4647, 3.3.1)."""
        return self.tag == "*" or tag.lower() == self.tag or tag.lower().startswith(self.tag + "-")

    @property
    def length(self) -> int:
        """How specific the range is: its subtags, none for the wildcard."""
        return 0 if self.tag == "*" else self.tag.count("-") + 1


def ranges(accept_language: str) -> tuple[Range, ...] | None:
    """Return the ranges of an Accept-Language field in order, or None if it is malformed."""
    found = []
    for element in accept_language.split(","):
        if not element.strip():
            continue  # empty list elements are lawful to receive (RFC 9110, 5.6.1.2)
        match = _RANGE.fullmatch(element)
        if match is None:
            return None
        found.append(Range(match[1].lower(), float(match[2] or 1)))
    return tuple(found) or None


def judgeable(asked: tuple[Range, ...]) -> bool:
    """Tell whether what was asked is plain enough to judge: no q=0 beside a relative of the same language."""
    refused = [one for one in asked if one.quality == 0]
    wanted = {primary(one.tag) for one in asked if one.quality > 0}
    return not any(primary(one.tag) in wanted for one in refused)


def best(asked: tuple[Range, ...], shown: Collection[str]) -> frozenset[str]:
    """
    Return the primary languages of which one is the best match for what was asked, of tags that a target has shown; none if it is open.

    The best is the exact tag with the highest weight. What ranks before it and is merely of the language of another tag may be
    matched too, by lookup (RFC 4647, 3.4) or by filtering (3.3.1); ``*`` before it matches anything. All tags are lower case.
    """
    if not judgeable(asked):
        return frozenset()
    languages = {primary(tag) for tag in shown}
    found: set[str] = set()
    for weight in sorted({one.quality for one in asked if one.quality > 0}, reverse=True):
        tags = [one.tag for one in asked if one.quality == weight]
        if "*" in tags:
            break
        found |= {primary(tag) for tag in tags} & languages
        if any(tag in shown for tag in tags):
            return frozenset(found)
    return frozenset()


class Spoken(Struct):
    """One message of an error: where it stands, its locale, the locale's origin, its text."""

    place: str
    locale: str
    origin: str | None
    text: str | None

    @property
    def undetermined(self) -> bool:
        """Whether the locale claims no language; exempt from the rules on the default and on what was asked for."""
        return primary(self.locale) == "und"


def spoken(exchange: Exchange) -> list[Spoken]:
    """Return the messages and causes of an error object that name a locale in text."""
    if exchange.meaning not in ERROR_STATUSES or not exchange.is_json:
        return []
    found = []
    for place, message in messages_of(exchange.document, "messages", "causes"):
        locale, origin, text = message.get("locale"), message.get("localeOrigin"), message.get("text")
        if isinstance(locale, str):
            found.append(Spoken(place, locale, origin if isinstance(origin, str) else None, text if isinstance(text, str) else None))
    return found


class Memory:
    """What languages a run has seen the target speak."""

    def __init__(self) -> None:
        self.default: tuple[str, int] | None = None
        self.shown: dict[str, int] = {}
        """Every locale shown, lower case, with the exchange that showed it first."""
        self.asked_for: set[str] = set()
        """Locales shown with origin REQUEST, lower case."""

    def check(self, exchange: Exchange) -> Iterator[Ruling]:
        """Judge every locale of an error object."""
        messages = spoken(exchange)
        accept = exchange.accept_language
        asked = ranges(accept) if accept is not None else None
        for one in messages:
            formed = well_formed(one.locale)
            yield rule("CAR-ERROR-LOCALE-TAG", formed, "a well-formed language tag (BCP 47)", f'{one.place}.locale: "{one.locale}"')
            if one.undetermined or not formed:
                continue
            yield from self._default(one, exchange)
            if one.origin == "REQUEST" and asked is not None and judgeable(asked):
                yield self._request(one, asked, accept or "")
        for one in messages:
            if well_formed(one.locale) and not one.undetermined:
                self.shown.setdefault(one.locale.lower(), exchange.number)
                if one.origin == "REQUEST":
                    self.asked_for.add(one.locale.lower())

    def _default(self, one: Spoken, exchange: Exchange) -> Iterator[Ruling]:
        if exchange.accept_language is None:
            yield rule(
                "CAR-ERROR-LOCALE-DEFAULT",
                one.origin != "REQUEST",
                "no localeOrigin REQUEST where no language was asked for",
                f"{one.place}: locale {one.locale}, localeOrigin REQUEST, without Accept-Language",
            )
        if one.origin == "DEFAULT":
            known, number = self.default or (one.locale, exchange.number)
            self.default = (known, number)
            yield rule(
                "CAR-ERROR-LOCALE-DEFAULT",
                known.lower() == one.locale.lower(),
                f"the same default locale as before, {known}",
                f"{one.place}: locale {one.locale} with localeOrigin DEFAULT (exchange {number} had {known})",
                *([number] if number != exchange.number else []),
            )

    def _competes(self, other: str, tag: str) -> bool:
        """
        Tell whether another tag could have been chosen: the target has shown it.

        A relative of the same language must have been shown as chosen: as the default of something else it proves nothing.
        Tags with extensions or private subtags prove nothing either: RFC 4647 leaves open how a server looks these up.
        """
        return not _EXTENDED.search(other) and other in (self.asked_for if primary(other) == primary(tag) else self.shown)

    def _request(self, one: Spoken, asked: tuple[Range, ...], accept: str) -> Ruling:
        tag = one.locale.lower()
        got = f"{one.place}: locale {one.locale}, localeOrigin REQUEST, asked with Accept-Language: {_cut(accept)}"
        wanted = [each for each in asked if each.quality > 0]
        if not any(each.tag == "*" or primary(each.tag) == primary(tag) for each in wanted):
            return rule("CAR-ERROR-LOCALE-REQUEST", False, "REQUEST only for a language that was asked for", got)
        covering = [each for each in asked if each.covers(tag)]
        if covering and max(covering, key=lambda each: each.length).quality == 0:
            return rule("CAR-ERROR-LOCALE-REQUEST", False, "no language that was excluded with q=0", got)
        if _PRIVATE_USE.match(tag):
            return rule("CAR-ERROR-LOCALE-REQUEST", False, "a language, not a private-use code", got)
        exact = {each.tag: each.quality for each in asked}
        if tag in exact and all(self._competes(each, tag) for each in exact) and exact[tag] < max(exact.values()):
            best = max(exact, key=lambda each: exact[each])
            return rule("CAR-ERROR-LOCALE-REQUEST", False, f"{best}, which was asked for with a higher weight", got)
        return Ruling("CAR-ERROR-LOCALE-REQUEST")


def _cut(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"
