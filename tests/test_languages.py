"""Languages of error messages: what is asked for, and what comes (CAR-ERROR-LOCALE-REQUEST, -BEST, CAR-ERROR-TEXT-LOCALE)."""

import contextlib

import pytest

from closecheck.contract.cases import Draft, Ids
from closecheck.judging.checks.locales import best, primary, ranges, spoken, well_formed
from closecheck.model.errors import Untested
from closecheck.suite.parametrize import named, parameters, swept

INVALID = ("ids/0", "ids/missing", "items/number-0/alone", "body/array-0")
"""Cases that are to be refused: the first that this target refuses as invalid is asked for in every language."""
SINGLE = ("en", "en-US", "en-GB", "fr", "fr-CA", "de", "de-CH", "ja", "es", "pt-BR", "zh-Hant-TW", "frr", "es-419")
MORE = (
    "fr-FR",
    "de-DE",
    "ja-JP",
    "es-ES",
    "it",
    "nl",
    "pt",
    "zh",
    "zh-CN",
    "ko",
    "pl",
    "ru",
    "sv",
    "ar",
    "he",
    "tr",
    "cs",
    "uk",
    "den",
    "esu",
)
SEVERAL = (
    "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr;q=0.5, de", "en;q=0.8,fr;q=0.9", "ja;q=0.001, es;q=1.000", "es;q=0.09, de;q=0.1", "FR",
    "tlh, fr;q=0.5", "*", "tlh, *;q=0.1", "i-klingon", "fr,,de;q=0.2",
)  # fmt: skip
MORE_SEVERAL = (
    "de;q=0.5, fr", "fr;q=0.9,en;q=0.8", "de;q=1.0, en;q=0.5", "en-US,en;q=0.9,fr;q=0.8", "De-dE", "tlh, eo;q=0.8, de;q=0.3", "*;q=0.1", "qaa",
    "qaa, fr;q=0.1", "mul", "x-pirate", "sl-rozaj-biske-1994", "de-DE-u-co-phonebk", "en ; q=0.5 , fr ; q=0.7",
)  # fmt: skip
EXCLUDING = ("en;q=0, fr", "de;q=0, fr;q=0, es", "fr;q=0, *", "*;q=0")
MORE_EXCLUDING = ("fr;q=0, en", "en;q=0", "en;q=0, *;q=0.5", "en-GB;q=0, fr;q=0.5", "en;q=0.0, ja")
MALFORMED = ("fr;;q", "fr;q=abc", "fr;q=1.5", "en_US", "français", "fr-", "<script>", "%s%s%n")
MORE_MALFORMED = (
    ";;;", "fr;q=-1", "fr;q=", "q=1", "fr de", "-", '"fr"', "fr;level=1", "a-very-long-subtag-abcdefghij", "../../etc/passwd", "fr;q=0.1234567", "*-*", "٣",
)  # fmt: skip
LONG = (
    ", ".join(f"x{n:03d}-aa;q=0.{n % 9 + 1}" for n in range(200)),
    "fr;q=0.5, " + ", ".join(["en-x-" + "abcdefgh-" * 10 + "z"] * 20),
    "," * 500 + "fr",
)


BROWSERS = "{region}{tag};q=0.9, {other};q=0.8, *;q=0.5"
"""How a browser asks for a language: its region first, then the language, then another one, then any."""
MORE_BROWSERS = (
    "{region}{tag};q=0.9,{other};q=0.8", "{tag}\t;\tq=0.9 , {other} ; q=0.8", "{tag};Q=0.9, {other};Q=0.8", "*;q=0.1, {other};q=0.5, {tag};q=0.9",
    "{strangers}{tag};q=0.5, {other};q=0.4, *;q=0.1", "{other};q=0.001, {tag};q=0.002", ", {region}{tag};q=0.90,, {other};q=0.85,", "{tag}, {other}; q=0.999",
)  # fmt: skip


def invalid(session):
    """Return a body that this target refuses as invalid, if there is one."""
    cases = [session.cases[name] for name in INVALID]
    return next((case for case in cases if session.ask(case).meaning == 400), cases[0]).request.body


def wish(session, accept_language, since=""):
    """Return an invalid body with a language wish."""
    return named(f"language/{accept_language}", Draft(body=invalid(session), headers={"Accept-Language": _wire(accept_language)}), since)


def asked(session, accept_language, since=""):
    """Send an invalid body with a language wish, once for each wish in a run."""
    return session.ask(wish(session, accept_language, since))


def ahead(session, items):
    """Yield what the tests ask: what depends on the languages that the target has shown, last."""
    one_language = [one["accept_language"] for one in parameters(items, test_one_language_is_asked_for)]
    yield [wish(session, one) for one in (*SINGLE, *one_language)]
    tests = (test_several_languages_are_asked_for, test_an_excluded_language_is_not_claimed, test_a_malformed_wish_is_borne)
    yield [wish(session, one["accept_language"]) for test in tests for one in parameters(items, test)]
    forms = [one["form"] for one in parameters(items, test_the_weight_of_known_languages_decides)]
    weighed = [form.format(tag=tag, other=other) for form in forms for tag, other in known_pairs(session)]
    spelled = [spelling for tag in known(session) for spelling in (tag, *spellings(tag))]
    yield [wish(session, one) for one in (*weighed, *spelled, *(f"{stranger(known(session))}, {tag};q=0.5" for tag in known(session)))]
    forms = [one["form"] for one in parameters(items, test_a_known_language_is_used_as_browsers_ask_for_it)]
    yield [wish(session, text, "2026.2") for form in forms for text in as_browsers(session, form)]
    yield [wish_of_nobody(tag) for tag in known(session)]


def _wire(text):
    """Return a text as it goes into a field: its UTF-8 bytes, each as one character (RFC 9110, 5.5)."""
    return text.encode().decode("latin-1")


def told(exchange):
    """Return the messages of an error object that name a well-formed language; what is ill-formed is judged elsewhere."""
    return [one for one in spoken(exchange) if well_formed(one.locale) and not one.undetermined]


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="one language")
@pytest.mark.parametrize("accept_language", swept(SINGLE, MORE))
def test_one_language_is_asked_for(session, clause, accept_language):
    """REQUEST names the language that was asked for, and nothing else."""
    clause.settle(asked(session, accept_language))


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="several languages")
@pytest.mark.parametrize("accept_language", swept(SEVERAL, MORE_SEVERAL))
def test_several_languages_are_asked_for(session, clause, accept_language):
    """REQUEST names one of the languages that were asked for, and the one that was asked for most of those known."""
    for language in ("en-US", "fr", "de", "ja", "es"):
        asked(session, language)

    clause.settle(asked(session, accept_language))


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="weights of known languages")
@pytest.mark.parametrize(
    "form",
    swept(
        ["{other};q=0.5, {tag}", "{tag};q=0.1,{other};q=0.09"],
        ["{tag}, {other};q=0.5", "{other}; q=0.5, {tag}", "{other};q=0.80,{tag};q=0.9"],
    ),
)
def test_the_weight_of_known_languages_decides(session, clause, form):
    """Of languages that the target has shown, REQUEST names the one that was asked for with the highest weight."""
    for tag, other in known_pairs(session):
        clause.settle(asked(session, form.format(tag=tag, other=other)))
    if not known_pairs(session):
        clause.expect(True, "", "")


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="excluded languages")
@pytest.mark.parametrize("accept_language", swept(EXCLUDING, MORE_EXCLUDING))
def test_an_excluded_language_is_not_claimed(session, clause, accept_language):
    """REQUEST does not name a language that was excluded with q=0."""
    clause.settle(asked(session, accept_language))


@pytest.mark.requirement("CAR-ERROR-LOCALE-REQUEST", part="malformed and long")
@pytest.mark.parametrize("accept_language", swept([*MALFORMED, LONG[0]], [*MORE_MALFORMED, *LONG[1:]]), ids=lambda text: text[:24])
def test_a_malformed_wish_is_borne(session, clause, accept_language):
    """A wish that is malformed or very long is sent, so that the clauses for every exchange see its answer; it claims no language."""
    clause.settle(asked(session, accept_language))


@pytest.mark.requirement("CAR-ERROR-LOCALE-DEFAULT", part="after others")
@pytest.mark.parametrize("languages", swept([("fr", "")], [("fr", "", "de", "", "ja", "")]), ids=["at last", "by turns"])
def test_a_language_does_not_stay(session, clause, languages):
    """Without Accept-Language the default comes back, whatever was asked for before."""
    wishes = [{"Accept-Language": one} if one else {} for one in languages]
    name = f"language/sticks/{len(wishes)}"
    sequence = [(f"{name}/{number}", Draft(body=invalid(session), headers=headers), []) for number, headers in enumerate(wishes)]
    ((*_, exchange),) = session.play([sequence])

    clause.settle(exchange)


def known(session):
    """Return one exact tag for each language that the target has shown so far, well-known ones asked for first."""
    for language in SINGLE:
        asked(session, language)
    return sorted(session.languages.shown)


def known_pairs(session):
    """Return pairs of tags that the target has shown: each beside the next, and each beside the default."""
    tags = known(session)
    if len(tags) < 2:
        return []
    default = session.languages.default
    pairs = list(zip(tags, [*tags[1:], tags[0]], strict=True))
    if default:
        pairs += [(tag, default[0].lower()) for tag in tags if tag != default[0].lower()]
    return list(dict.fromkeys(pairs))[:12]


@pytest.mark.requirement("CAR-ERROR-LOCALE-BEST", part="first choice")
def test_a_known_language_is_used_when_it_is_asked_for(session, clause):
    """A language that the target has shown comes when it is asked for."""
    for tag in known(session):
        exchange = asked(session, tag)
        comes(clause, exchange, tag, f"Accept-Language: {tag}")
    if not known(session):
        clause.absent()


def stranger(tags):
    """Return a language that is none of those."""
    return next(one for one in ("tlh", "eo", "vo") if one not in {primary(tag) for tag in tags})


@pytest.mark.requirement("CAR-ERROR-LOCALE-BEST", part="second choice")
def test_a_known_language_is_used_as_second_choice(session, clause):
    """A language that the target has shown comes also where an unknown one is preferred."""
    tags = known(session)
    for tag in tags:
        text = f"{stranger(tags)}, {tag};q=0.5"
        comes(clause, asked(session, text), tag, f"Accept-Language: {text}")
    if not tags:
        clause.absent()


REGIONS = {
    "fr": "fr-CA",
    "de": "de-AT",
    "es": "es-MX",
    "ja": "ja-JP",
    "en": "en-GB",
    "pt": "pt-PT",
    "it": "it-CH",
    "nl": "nl-BE",
    "zh": "zh-SG",
}


def spellings(tag):
    """Return what else means a tag, or falls back to it."""
    return [tag.upper(), *([REGIONS[tag]] if tag in REGIONS else [])]


@pytest.mark.requirement("CAR-ERROR-LOCALE-BEST", part="other spellings")
def test_a_known_language_is_used_however_it_is_spelled(session, clause):
    """Tags are case-insensitive, and a region falls back to its language (RFC 5646, 2.1.1; RFC 4647, 3.4)."""
    for tag in known(session):
        for spelling in spellings(tag):
            comes(clause, asked(session, spelling), tag, f"Accept-Language: {spelling}")
    if not known(session):
        clause.absent()


def as_browsers(session, form):
    """Return what asks for each language that the target has shown, beside its default: the default ranks below it."""
    tags = known(session)
    default = session.languages.default
    other = default[0].lower() if default else next(iter(tags), "")
    unknown = [one for one in ("tlh", "eo", "vo", "ia") if one not in {primary(tag) for tag in tags}]
    strangers = "".join(f"{one};q={weight}, " for one, weight in zip(unknown, ("1.0", "0.9", "0.8"), strict=False))
    wishes = []
    for tag in tags:
        if primary(tag) != primary(other):
            region = f"{tag}, " if "-" in tag else f"{REGIONS[tag]}, " if tag in REGIONS else ""
            wishes.append(form.format(region=region, tag=primary(tag) if "-" in tag and region else tag, other=other, strangers=strangers))
    return wishes


@pytest.mark.requirement("CAR-ERROR-LOCALE-BEST", part="as browsers ask", since="2026.2")
@pytest.mark.parametrize("form", swept([BROWSERS], MORE_BROWSERS))
def test_a_known_language_is_used_as_browsers_ask_for_it(session, clause, form):
    """A language that the target has shown comes where it is asked for before its default, as browsers do."""
    for text in as_browsers(session, form):
        best_comes(session, clause, text, "2026.2")
    clause.expect(True, "", "")


@pytest.mark.requirement("CAR-ERROR-LOCALE-BEST", part="several languages", since="2026.2")
@pytest.mark.parametrize("accept_language", swept(SEVERAL, MORE_SEVERAL))
def test_the_best_of_several_languages_is_used(session, clause, accept_language):
    """Of several languages the best that the target has shown comes, where it is plain which that is."""
    known(session)
    best_comes(session, clause, accept_language)
    clause.expect(True, "", "")


def best_comes(session, clause, text, since=""):
    """Expect a message in the best language for what is asked, unless what came is a wrong claim already (CAR-ERROR-LOCALE-REQUEST)."""
    exchange = asked(session, text, since)
    wanted = best(ranges(text) or (), session.languages.shown)
    claimed = any(
        one.requirement == "CAR-ERROR-LOCALE-REQUEST" and exchange.number in one.exchanges for one in session.evidence if one.finding
    )
    languages = {primary(one.locale) for one in told(exchange)}
    if exchange.meaning == 400 and languages and wanted and not claimed:
        expected = f"a message in {' or '.join(sorted(wanted))}, which the target has shown it knows"
        clause.expect(not wanted.isdisjoint(languages), expected, ", ".join(sorted(languages)), exchange, change=f"Accept-Language: {text}")


@pytest.mark.requirement("CAR-ERROR-LOCALE-BEST", part="403")
def test_a_known_language_is_used_for_every_error(session, clause):
    """A language that the target has shown comes also in a 403, where one can be had."""
    if not known(session):
        clause.absent()
    for tag in known(session):
        try:
            exchange = forbidden(session, tag)
        except Untested as untested:
            if untested.supply and not untested.supply.startswith("--"):
                break  # the target file has nobody who is forbidden
            raise
        comes(clause, exchange, tag, f"Accept-Language: {tag}, from a user without access")
    clause.expect(True, "", "")


def wish_of_nobody(accept_language):
    """Return a valid body of the user without access, with a language wish."""
    draft = Draft(body={"accessRequestIds": Ids(1)}, caller="unprivileged", headers={"Accept-Language": accept_language})
    return named(f"language/403/{accept_language}", draft)


def forbidden(session, accept_language):
    """Send a valid body as the user without access, with a language wish, once for each wish in a run."""
    return session.ask(wish_of_nobody(accept_language))


def comes(clause, exchange, tag, change):
    """Expect a message in the language of the tag, where the error object names any."""
    languages = {primary(one.locale) for one in told(exchange)}
    if exchange.meaning in {400, 403} and languages:
        expected = f"a message in {tag}, which the target has shown it knows"
        clause.expect(primary(tag) in languages, expected, ", ".join(sorted(languages)), exchange, change=change)


@pytest.mark.requirement("CAR-ERROR-TEXT-LOCALE")
def test_another_language_is_another_text(session, clause):
    """Texts whose locales name different languages differ."""
    exchanges = [asked(session, language) for language in SINGLE]
    with contextlib.suppress(Untested):
        exchanges += [forbidden(session, tag) for tag in known(session)]
    seen = {}
    for exchange in exchanges:
        for one in told(exchange):
            if one.text:
                language, earlier = seen.setdefault((exchange.status, one.place, one.text), (primary(one.locale), exchange))
                clause.expect(
                    language == primary(one.locale),
                    f"a text in {primary(one.locale)} that differs from the one in {language}",
                    f'{one.place}.text "{one.text}" for both',
                    earlier,
                    exchange,
                )
    if not seen:
        clause.absent()


@pytest.mark.choice("languages")
def test_the_languages_are_observed(session):
    """Which languages the target speaks is its choice."""
    shown = known(session)
    default = session.languages.default
    session.observe("languages", f"{', '.join(shown) or 'none named'}; default {default[0] if default else 'not named'}")
