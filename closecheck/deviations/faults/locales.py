"""Sins against the locale: how it is spelled, what its origin claims, which one is chosen, and what is spoken in it."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from closecheck.deviations.deviation import fault
from closecheck.deviations.faults._tools import CONNECTION, call_in_hand, each_message, edit_errors, tell_connections
from closecheck.reference import Reference
from closecheck.reference.catalogues import CATALOGUES, ENGLISH
from closecheck.reference.errors import Problem
from closecheck.reference.localization import DEFAULT, REQUEST, Locale

ErrorObject = dict[str, Any]
Ranges = list[tuple[str, float]]


def spell(reference: Reference, name: Callable[[ErrorObject], str]) -> None:
    """Let ``name`` spell the locale of every message object; language, origin and text stay."""

    def spelled(error: ErrorObject) -> None:
        for message in each_message(error):
            message["locale"] = name(message)

    edit_errors(reference, spelled)


def claim(reference: Reference, origin: str, *statuses: int) -> None:
    """Let every message object of these statuses (none: all) claim an origin; locale and text stay."""

    def claimed(error: ErrorObject) -> None:
        for message in each_message(error):
            message["localeOrigin"] = origin

    edit_errors(reference, claimed, *statuses)


def speak_default(reference: Reference, when: Callable[[str, str], bool]) -> None:
    """Take the text from the default language's catalogue when ``when`` is true of locale and key."""
    localizer, text = reference.localizer, reference.localizer.text

    def spoken(tag: str, key: str, parameters: Mapping[str, object]) -> str:
        return text(localizer.default_tag if when(tag, key) else tag, key, parameters)

    localizer.text = spoken


def as_written(value: str, *, unweighted: float = 1.0) -> Ranges:
    """Return the ranges of Accept-Language with their weights, in the order of the field."""
    ranges = []
    for part in value.split(","):
        language, _, parameter = part.partition(";")
        try:
            weight = float(parameter.partition("=")[2]) if parameter.strip().startswith("q=") else unweighted
        except ValueError:
            continue
        if language.strip():
            ranges.append((language.strip().lower(), weight))
    return ranges


def unweighted(ranges: Ranges) -> Ranges:
    """Return the ranges with no weights but 0 and 1."""
    return [(language, float(weight > 0)) for language, weight in ranges]


# ----------------------------------------------------------------------------------------------------- the locale's tag


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST",))
def locale_with_an_underscore(reference: Reference) -> None:
    """The locale is spelled as Java prints it, en_US."""
    spell(reference, lambda message: message["locale"].replace("-", "_"))


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST",))
def locale_of_the_c_library(reference: Reference) -> None:
    """The locale is spelled as in LANG, en_US.UTF-8."""
    names = {"en-US": "en_US", "de": "de_DE", "es": "es_ES", "fr": "fr_FR", "ja": "ja_JP"}
    spell(reference, lambda message: f"{names[message['locale']]}.UTF-8")


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST",))
def locale_is_a_display_name(reference: Reference) -> None:
    """The locale is a name for people, English (United States)."""
    names = {
        "en-US": "English (United States)",
        "de": "German (Germany)",
        "es": "Spanish (Spain)",
        "fr": "French (France)",
        "ja": "Japanese (Japan)",
    }
    spell(reference, lambda message: names[message["locale"]])


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST",))
def locale_is_a_windows_code_as_text(reference: Reference) -> None:
    """The locale is the number that Windows has for it, as text."""
    codes = {"en-US": "1033", "de": "1031", "es": "1034", "fr": "1036", "ja": "1041"}
    spell(reference, lambda message: codes[message["locale"]])


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST",))
def locale_is_half_a_flag(reference: Reference) -> None:
    """The locale is a flag that was cut to one UTF-16 unit: half a surrogate pair, which no text can hold."""
    reference.errors.encode = lambda document: json.dumps(document).encode()
    spell(reference, lambda _: "\ud83c")


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST", "CAR-ERROR-LOCALE-DEFAULT"))
def locale_of_causes_with_an_underscore(reference: Reference) -> None:
    """The locale of causes is spelled en_US; those of messages are right."""

    def spelled(error: ErrorObject) -> None:
        for cause in error["causes"]:
            cause["locale"] = cause["locale"].replace("-", "_")

    edit_errors(reference, spelled)


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-DEFAULT",), rare=True)
def locale_is_empty_for_an_unspoken_language(reference: Reference) -> None:
    """Who asks for a language that is not spoken gets the root locale, whose name is the empty text."""
    call = call_in_hand(reference)

    def root(message: ErrorObject) -> str:
        unspoken = call().accept_language and message["localeOrigin"] == DEFAULT
        return "" if unspoken else str(message["locale"])

    spell(reference, root)


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST", "CAR-ERROR-LOCALE-BEST"), rare=True)
def locale_is_the_whole_header(reference: Reference) -> None:
    """A locale that was asked for is the value of Accept-Language, with all its ranges and weights."""
    call = call_in_hand(reference)

    def whole(message: ErrorObject) -> str:
        return call().accept_language or "" if message["localeOrigin"] == REQUEST else str(message["locale"])

    spell(reference, whole)


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST",), rare=True)
def asked_region_with_an_underscore(reference: Reference) -> None:
    """Who asks for a region gets it back as Java prints it, de_AT."""
    call = call_in_hand(reference)

    def printed(message: ErrorObject) -> str:
        tag = str(message["locale"])
        if message["localeOrigin"] == REQUEST:
            for language, weight in reference.localizer.ranges(call().accept_language or ""):
                primary, _, region = language.partition("-")
                if weight and region and primary == tag.partition("-")[0]:
                    return f"{primary}_{region.upper()}"
        return tag

    spell(reference, printed)


@fault("CAR-ERROR-LOCALE-TAG", also=("CAR-ERROR-LOCALE-REQUEST",), rare=True)
def star_is_echoed(reference: Reference) -> None:
    """Who accepts any language gets the locale ``*``."""
    call = call_in_hand(reference)

    def echoed(message: ErrorObject) -> str:
        return "*" if (call().accept_language or "").strip() == "*" else str(message["locale"])

    spell(reference, echoed)


# ---------------------------------------------------------------------------------------------------------- the default


@fault("CAR-ERROR-LOCALE-DEFAULT", also=("CAR-ERROR-LOCALE-REQUEST",))
def origin_is_always_request(reference: Reference) -> None:
    """The localeOrigin is a constant, REQUEST."""
    claim(reference, REQUEST)


@fault("CAR-ERROR-LOCALE-DEFAULT")
def origin_is_always_default(reference: Reference) -> None:
    """The localeOrigin is a constant, DEFAULT, also where the language is the one asked for."""
    claim(reference, DEFAULT)


@fault("CAR-ERROR-LOCALE-DEFAULT")
def request_claimed_without_a_header(reference: Reference) -> None:
    """A request without Accept-Language counts as one that asks for the default language."""
    choose = reference.localizer.choose
    reference.localizer.choose = lambda accept_language: choose(accept_language or reference.localizer.default_tag)


@fault("CAR-ERROR-LOCALE-DEFAULT", also=("CAR-OP-INDEPENDENT",))
def language_sticks_to_the_server(reference: Reference) -> None:
    """The language of the last request that asked for one is kept for those that ask for none."""
    choose = reference.localizer.choose
    last: list[str | None] = [None]

    def stuck(accept_language: str | None) -> Locale:
        last[0] = accept_language or last[0]
        return choose(last[0])

    reference.localizer.choose = stuck


@fault("CAR-ERROR-LOCALE-DEFAULT", also=("CAR-OP-INDEPENDENT",), rare=True)
def language_sticks_to_the_connection(reference: Reference) -> None:
    """The language that was asked for first on a connection is kept for the requests on it that ask for none."""
    tell_connections(reference)
    call = call_in_hand(reference)
    choose = reference.localizer.choose
    first: dict[str, str] = {}

    def stuck(accept_language: str | None) -> Locale:
        connection = call().headers.get(CONNECTION, "")
        if accept_language:
            first.setdefault(connection, accept_language)
        return choose(accept_language or first.get(connection))

    reference.localizer.choose = stuck


@fault("CAR-ERROR-LOCALE-DEFAULT", "CAR-ERROR-LOCALE-REQUEST", also=("CAR-ERROR-LOCALE-BEST", "CAR-OP-INDEPENDENT"))
def first_caller_decides_the_language(reference: Reference) -> None:
    """The messages of each detailCode are rendered once and kept, in the language of who met it first."""
    messages = reference.errors.messages
    kept: dict[str, object] = {}

    def cached(problem: Problem, locale: Locale) -> object:
        return kept.setdefault(problem.detail_code, messages(problem, locale))

    reference.errors.messages = cached


@fault("CAR-ERROR-LOCALE-DEFAULT", also=("CAR-ERROR-LOCALE-REQUEST",), rare=True)
def forbidden_claims_request(reference: Reference) -> None:
    """The localeOrigin of a 403 is always REQUEST."""
    claim(reference, REQUEST, 403)


@fault("CAR-ERROR-LOCALE-DEFAULT", rare=True)
def forbidden_in_another_default(reference: Reference) -> None:
    """The default locale of a 403 is ``en``, that of everything else en-US."""

    def bare(error: ErrorObject) -> None:
        for message in each_message(error):
            if message["localeOrigin"] == DEFAULT:
                message["locale"] = "en"

    edit_errors(reference, bare, 403)


@fault("CAR-ERROR-LOCALE-DEFAULT", rare=True)
def forbidden_in_the_language_of_the_user(reference: Reference) -> None:
    """A 403 is written in the language of the user's profile, and that is called DEFAULT."""
    document = reference.errors.document

    def personal(problem: Problem, locale: Locale) -> dict[str, object]:
        own = problem.status == 403 and locale.origin == DEFAULT
        return document(problem, Locale("de", DEFAULT) if own else locale)

    reference.errors.document = personal


@fault("CAR-ERROR-LOCALE-DEFAULT")
def causes_in_another_default(reference: Reference) -> None:
    """The default locale of causes is ``en``, that of messages en-US."""

    def bare(error: ErrorObject) -> None:
        for cause in error["causes"]:
            if cause["localeOrigin"] == DEFAULT:
                cause["locale"] = "en"

    edit_errors(reference, bare)


# ---------------------------------------------------------------------------------------------------------- the request


BEST: Final = ("CAR-ERROR-LOCALE-BEST",)
"""What a wrong order of the ranges breaks as well: in a header with a region or a wildcard only the best match says what is wrong."""


@fault("CAR-ERROR-LOCALE-REQUEST")
def request_claimed_for_any_header(reference: Reference) -> None:
    """Whoever sends Accept-Language gets REQUEST, also with the default locale for a language that is not spoken."""
    choose = reference.localizer.choose

    def claimed(accept_language: str | None) -> Locale:
        return Locale(choose(accept_language).tag, REQUEST if accept_language else DEFAULT)

    reference.localizer.choose = claimed


@fault("CAR-ERROR-LOCALE-REQUEST", also=BEST)
def weights_are_ignored(reference: Reference) -> None:
    """The first language of Accept-Language that is spoken is taken, whatever the weights."""
    reference.localizer.ranges = lambda accept_language: unweighted(as_written(accept_language))


@fault("CAR-ERROR-LOCALE-REQUEST", also=BEST)
def last_range_wins(reference: Reference) -> None:
    """The last language of Accept-Language that is spoken is taken, whatever the weights."""
    reference.localizer.ranges = lambda accept_language: unweighted(as_written(accept_language))[::-1]


@fault("CAR-ERROR-LOCALE-REQUEST", also=BEST)
def lowest_weight_wins(reference: Reference) -> None:
    """The ranges are sorted by rising weight."""
    reference.localizer.ranges = lambda accept_language: sorted(as_written(accept_language), key=lambda pair: pair[1])


@fault("CAR-ERROR-LOCALE-REQUEST", also=BEST)
def range_without_a_weight_comes_last(reference: Reference) -> None:
    """A range without a weight counts as one with the lowest."""

    def ranges(accept_language: str) -> Ranges:
        return sorted(as_written(accept_language, unweighted=0.001), key=lambda pair: -pair[1])

    reference.localizer.ranges = ranges


@fault("CAR-ERROR-LOCALE-REQUEST", also=BEST)
def default_language_wins_wherever_it_is_asked_for(reference: Reference) -> None:
    """The default language is taken if it stands anywhere in Accept-Language, however low its weight."""
    match = reference.localizer.match

    def preferred(ranges: Ranges) -> str | None:
        asked = any(language in ("en", "en-us") and weight for language, weight in ranges)
        return reference.localizer.default_tag if asked else match(ranges)

    reference.localizer.match = preferred


@fault("CAR-ERROR-LOCALE-REQUEST")
def causes_claim_the_default_was_asked_for(reference: Reference) -> None:
    """Causes are always in the default language, yet take over the origin of the messages."""
    causes = reference.errors.causes

    def untranslated(problem: Problem, locale: Locale) -> object:
        return causes(problem, Locale(reference.localizer.default_tag, locale.origin))

    reference.errors.causes = untranslated


@fault("CAR-ERROR-LOCALE-REQUEST", rare=True)
def refused_language_is_spoken(reference: Reference) -> None:
    """A language with a weight of 0 is the last choice, but a choice."""
    ranges = reference.localizer.ranges

    def admitted(accept_language: str) -> Ranges:
        return [(language, weight or 0.0001) for language, weight in ranges(accept_language)]

    reference.localizer.ranges = admitted


@fault("CAR-ERROR-LOCALE-REQUEST", rare=True)
def star_brings_the_refused_language(reference: Reference) -> None:
    """``*`` means the default language, even if just that is refused."""
    match = reference.localizer.match

    def first(ranges: Ranges) -> str | None:
        refused = [pair for pair in ranges if not pair[1]]
        for language, weight in ranges:
            if weight:
                tag = reference.localizer.default_tag if language == "*" else match([(language, weight), *refused])
                if tag is not None:
                    return tag
        return None

    reference.localizer.match = first


@fault("CAR-ERROR-LOCALE-REQUEST", rare=True)
def refused_star_is_a_request(reference: Reference) -> None:
    """A ``*`` anywhere in Accept-Language makes the default locale one that was asked for, even with a weight of 0."""
    choose = reference.localizer.choose

    def claimed(accept_language: str | None) -> Locale:
        locale = choose(accept_language)
        return Locale(locale.tag, REQUEST) if "*" in (accept_language or "") else locale

    reference.localizer.choose = claimed


@fault("CAR-ERROR-LOCALE-REQUEST", also=("CAR-ERROR-LOCALE-BEST", "CAR-ERROR-TEXT-LOCALE"), rare=True)
def asked_language_is_echoed(reference: Reference) -> None:
    """The locale is the best range of the request, spoken or not, or of private use; the text is then English."""
    localizer, choose = reference.localizer, reference.localizer.choose

    def echoed(accept_language: str | None) -> Locale:
        ranges = localizer.ranges(accept_language) if accept_language else []
        best = ranges[0][0] if ranges and ranges[0][1] else ""
        if localizer.match(ranges[:1]) or not re.fullmatch("[a-z]{2,3}(-([a-z]{2}|[0-9]{3}))?", best):
            return choose(accept_language)
        return Locale(best, REQUEST)

    localizer.choose = echoed
    speak_default(reference, lambda tag, _key: tag not in localizer.catalogues)


@fault("CAR-ERROR-LOCALE-REQUEST", also=BEST, rare=True)
def blank_before_a_weight_hides_it(reference: Reference) -> None:
    """A weight after a blank, ``de; q=0.5``, is not seen."""
    ranges = reference.localizer.ranges

    def hidden(accept_language: str) -> Ranges:
        return ranges(re.sub(r";\s+q=[^,]*", "", accept_language))

    reference.localizer.ranges = hidden


@fault("CAR-ERROR-LOCALE-REQUEST", also=("CAR-OP-INDEPENDENT",), rare=True)
def unspoken_language_keeps_the_last(reference: Reference) -> None:
    """Who asks for a language that is not spoken gets the locale of the last request that was understood."""
    choose = reference.localizer.choose
    last: list[Locale] = []

    def kept(accept_language: str | None) -> Locale:
        locale = choose(accept_language)
        if locale.origin == REQUEST:
            last[:] = [locale]
        return last[0] if accept_language and last else locale

    reference.localizer.choose = kept


@fault("CAR-ERROR-LOCALE-REQUEST", rare=True)
def related_language_is_claimed(reference: Reference) -> None:
    """Who asks for a related language gets Spanish or German, and is told that it was asked for."""
    related = {"ca": "es", "da": "de", "gl": "es", "it": "es", "nl": "de", "pt": "es", "sv": "de"}
    match = reference.localizer.match

    def matched(ranges: Ranges) -> str | None:
        return match(ranges) or next((related[language[:2]] for language, weight in ranges if weight and language[:2] in related), None)

    reference.localizer.match = matched


@fault("CAR-ERROR-LOCALE-REQUEST", rare=True)
def two_letters_are_enough(reference: Reference) -> None:
    """Languages are compared in their first two letters, so that Northern Frisian (frr) is French."""
    ranges = reference.localizer.ranges

    def shortened(accept_language: str) -> Ranges:
        return [(language[:2], weight) for language, weight in ranges(accept_language)]

    reference.localizer.ranges = shortened


# ------------------------------------------------------------------------------------------------------ the best choice


@fault("CAR-ERROR-LOCALE-BEST")
def only_the_first_choice_is_tried(reference: Reference) -> None:
    """Who prefers a language that is not spoken gets the default one, whatever the second choice."""
    ranges = reference.localizer.ranges

    def first(accept_language: str) -> Ranges:
        best, *others = ranges(accept_language) or [("", 0.0)]
        return [best, *(pair for pair in others if not pair[1])]

    reference.localizer.ranges = first


@fault("CAR-ERROR-LOCALE-BEST", also=("CAR-ERROR-LOCALE-REQUEST",))
def range_after_a_blank_is_lost(reference: Reference) -> None:
    """A range after a comma and a blank, ``sv, de``, is not read."""
    ranges = reference.localizer.ranges

    def lost(accept_language: str) -> Ranges:
        return ranges(",".join(part for part in accept_language.split(",") if not part.startswith(" ")))

    reference.localizer.ranges = lost


@fault("CAR-ERROR-LOCALE-BEST", also=("CAR-ERROR-LOCALE-REQUEST",))
def only_regions_are_looked_up(reference: Reference) -> None:
    """Where a range names a region only such ranges are looked up, so that fr-CH, fr brings no French."""
    ranges = reference.localizer.ranges

    def regional(accept_language: str) -> Ranges:
        found = ranges(accept_language)
        return [pair for pair in found if "-" in pair[0]] or found

    match = reference.localizer.match

    def exact(ranges: Ranges) -> str | None:
        known = {tag.lower() for tag in reference.localizer.catalogues}
        return match([pair for pair in ranges if "-" not in pair[0] or pair[0] in known or not pair[1]])

    reference.localizer.ranges, reference.localizer.match = regional, exact


@fault("CAR-ERROR-LOCALE-BEST")
def wildcard_means_the_default(reference: Reference) -> None:
    """A wildcard anywhere in Accept-Language is answered in the default language, however low its weight."""
    match = reference.localizer.match

    def any_of_them(ranges: Ranges) -> str | None:
        everything = any(language == "*" and weight for language, weight in ranges) and all(weight for _, weight in ranges)
        return reference.localizer.default_tag if everything else match(ranges)

    reference.localizer.match = any_of_them


@fault("CAR-ERROR-LOCALE-BEST", rare=True)
def english_is_preferred_wherever_it_stands(reference: Reference) -> None:
    """English is taken if it is among the languages asked for, and the locale is then called the default one."""
    choose = reference.localizer.choose

    def preferred(accept_language: str | None) -> Locale:
        asked = reference.localizer.ranges(accept_language) if accept_language else []
        return (
            Locale(reference.localizer.default_tag, DEFAULT)
            if any(one.startswith("en") and weight for one, weight in asked)
            else choose(accept_language)
        )

    reference.localizer.choose = preferred


@fault("CAR-ERROR-LOCALE-BEST", rare=True)
def three_ranges_are_looked_at(reference: Reference) -> None:
    """Only the first three ranges of Accept-Language are looked at, as ASP.NET does by default."""
    ranges = reference.localizer.ranges
    reference.localizer.ranges = lambda accept_language: ranges(",".join(accept_language.split(",")[:3]))


@fault("CAR-ERROR-LOCALE-BEST", rare=True)
def capital_q_spoils_the_range(reference: Reference) -> None:
    """A range whose weight is written with a capital Q is not understood."""
    ranges = reference.localizer.ranges
    reference.localizer.ranges = lambda accept_language: ranges(",".join(one for one in accept_language.split(",") if "Q=" not in one))


@fault("CAR-ERROR-LOCALE-REQUEST", also=BEST, rare=True)
def tab_spoils_the_range(reference: Reference) -> None:
    """A range with a tab in it is not understood."""
    ranges = reference.localizer.ranges
    reference.localizer.ranges = lambda accept_language: ranges(",".join(one for one in accept_language.split(",") if "\t" not in one))


@fault("CAR-ERROR-LOCALE-BEST", rare=True)
def region_must_be_spoken(reference: Reference) -> None:
    """Who asks for a region that has no texts of its own, de-AT, gets the default language."""
    match = reference.localizer.match

    def exact(ranges: Ranges) -> str | None:
        known = {tag.lower() for tag in reference.localizer.catalogues} | {"en", "*"}
        return match([pair for pair in ranges if pair[0] in known or not pair[1]])

    reference.localizer.match = exact


@fault("CAR-ERROR-LOCALE-BEST", rare=True)
def capitals_are_not_understood(reference: Reference) -> None:
    """A range that begins with a capital, ``DE``, is not understood."""
    ranges = reference.localizer.ranges

    def small(accept_language: str) -> Ranges:
        parts = accept_language.split(",")
        return ranges(",".join(part for part in parts if not part.strip()[:1].isupper()))

    reference.localizer.ranges = small


@fault("CAR-ERROR-LOCALE-BEST", rare=True)
def forbidden_ignores_accept_language(reference: Reference) -> None:
    """A 403 comes from a filter that speaks the default language only."""
    respond = reference.errors.problem

    def deaf(problem: Problem, accept_language: str | None) -> Any:
        return respond(problem, None if problem.status == 403 else accept_language)

    reference.errors.problem = deaf


# ------------------------------------------------------------------------------------------------------------- the text


@fault("CAR-ERROR-TEXT-LOCALE")
def texts_are_not_translated(reference: Reference) -> None:
    """The locale is the one asked for, the text is English."""
    speak_default(reference, lambda _tag, _key: True)


@fault("CAR-ERROR-TEXT-LOCALE")
def texts_of_causes_are_not_translated(reference: Reference) -> None:
    """Messages are translated; causes only say that they are."""
    speak_default(reference, lambda _tag, key: key not in ("syntax", "content", "forbidden", "internal"))


@fault("CAR-ERROR-TEXT-LOCALE", rare=True)
def text_of_forbidden_is_not_translated(reference: Reference) -> None:
    """The text of a 403 is English in every locale."""
    speak_default(reference, lambda _tag, key: key == "forbidden")


@fault("CAR-ERROR-TEXT-LOCALE", rare=True)
def french_catalogue_is_a_copy(reference: Reference) -> None:
    """The French texts are a copy of the English ones that nobody has translated yet."""
    reference.localizer.catalogues = {**CATALOGUES, "fr": ENGLISH}
