"""Header fields, their spelling and the reason phrase are the target's own; only the media type is the contract's."""

from __future__ import annotations

import itertools

from closecheck.deviations.deviation import variant
from closecheck.deviations.variants._seams import stays_open
from closecheck.reference import Answer, Reference


def respell(reference: Reference, name: str, separator: str = "{name}: {value}") -> None:
    """Write the names of header fields in this way (a method of str), and each field after this pattern."""

    def change(answer: Answer) -> None:
        line, *fields = answer.head.decode("latin-1").split("\r\n")
        written = [line]
        for field in fields:
            key, _, value = field.partition(":")
            written.append(separator.format(name=getattr(key, name)(), value=value.strip()))
        answer.data = "\r\n".join(written).encode("latin-1") + b"\r\n\r\n" + answer.body

    reference.wire.append(change)


@variant()
def names_in_upper_case(reference: Reference) -> None:
    """The names of header fields are in upper case."""
    respell(reference, "upper")


@variant()
def names_in_title_case(reference: Reference) -> None:
    """The names of header fields are in the usual case, not in lower case."""
    respell(reference, "title")


@variant()
def names_in_swapped_case(reference: Reference) -> None:
    """The names of header fields are in mixed case."""

    def change(answer: Answer) -> None:
        mixed = [
            ("".join(letter.upper() if index % 2 else letter for index, letter in enumerate(name.decode())), value)
            for name, value in answer.headers
        ]
        answer.rewrite(headers=[(name.encode(), value) for name, value in mixed])

    reference.wire.append(change)


@variant()
def no_blank_after_colons(reference: Reference) -> None:
    """There is nothing between the colon of a header field and its value."""
    respell(reference, "lower", "{name}:{value}")


@variant()
def blanks_around_values(reference: Reference) -> None:
    """There are blanks and tabs before and behind the values of header fields."""
    respell(reference, "lower", "{name}: \t {value} \t")


def add(reference: Reference, *fields: tuple[bytes, bytes]) -> None:
    """Add header fields to every answer."""
    reference.wire.append(lambda answer: answer.rewrite(headers=[*answer.headers, *fields]))


@variant()
def eighty_more_fields(reference: Reference) -> None:
    """Every answer has eighty more header fields."""
    add(reference, *((b"x-trace-%d" % number, b"%040d" % number) for number in range(80)))


@variant()
def long_field(reference: Reference) -> None:
    """Every answer has a header field of four thousand characters."""
    add(reference, (b"content-security-policy", b"default-src 'self'; img-src " + b"https://example.org " * 200))


@variant()
def fields_of_a_gateway(reference: Reference) -> None:
    """Every answer has the fields of a content network, some of them twice."""
    add(
        reference,
        (b"server", b"cloudflare"),
        (b"via", b"1.1 varnish"),
        (b"via", b'1.1 edge (a "quoted" comment)'),
        (b"cache-control", b"no-store"),
        (b"cache-control", b"private"),
        (b"vary", b"Accept-Encoding"),
        (b"vary", b"*"),
        (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
        (b"x-content-type-options", b"nosniff"),
        (b"alt-svc", b'h3=":443"; ma=86400'),
        (b"age", b"0"),
        (b"x-empty", b""),
        (b"slpt-request-id", b"c0ffee"),
    )


@variant()
def fields_in_latin_1(reference: Reference) -> None:
    """Every answer has a header field with octets beyond ASCII, which HTTP allows as opaque."""
    add(reference, (b"x-served-by", "Köln Süd".encode()), (b"x-office", b"M\xfcnchen"))


@variant()
def cookies(reference: Reference) -> None:
    """Every answer sets two cookies, one of which is new each time."""
    numbers = itertools.count(1)

    def change(answer: Answer) -> None:
        session = b"session=%d; Path=/; HttpOnly; Expires=Wed, 21 Oct 2099 07:28:00 GMT" % next(numbers)
        fields = [*answer.headers, (b"set-cookie", session), (b"set-cookie", b"region=eu; Secure")]
        answer.rewrite(headers=fields)

    reference.wire.append(change)


@variant()
def no_date(reference: Reference) -> None:
    """Answers have no Date: the server has no clock."""
    reference.wire.append(lambda answer: answer.set_header(b"date", None))


@variant()
def two_dates(reference: Reference) -> None:
    """Answers have two equal Date fields, the server's and the gateway's."""
    add(reference, (b"date", b"Sun, 06 Nov 1994 08:49:37 GMT"), (b"date", b"Sun, 06 Nov 1994 08:49:37 GMT"))
    reference.wire.insert(-1, lambda answer: answer.set_header(b"date", None))


@variant()
def date_in_iso_format(reference: Reference) -> None:
    """The Date field is in the format of ISO 8601, which is none of HTTP's."""
    reference.wire.append(lambda answer: answer.set_header(b"date", b"1994-11-06T08:49:37Z"))


@variant()
def http_2_offered(reference: Reference) -> None:
    """Every answer offers an upgrade to HTTP/2, as Apache does."""

    def change(answer: Answer) -> None:
        if stays_open(answer):
            answer.rewrite(headers=[*answer.headers, (b"upgrade", b"h2,h2c"), (b"connection", b"Upgrade")])

    reference.wire.append(change)


@variant()
def http_2_offered_alone(reference: Reference) -> None:
    """Every answer has Upgrade: h2c, and a Connection that does not name it."""

    def change(answer: Answer) -> None:
        if stays_open(answer):
            answer.rewrite(headers=[*answer.headers, (b"upgrade", b"h2c"), (b"connection", b"keep-alive")])

    reference.wire.append(change)


def accepted_fields(reference: Reference, *fields: tuple[bytes, bytes]) -> None:
    """Add header fields to every 202."""

    def change(answer: Answer) -> None:
        if answer.status == 202:
            answer.rewrite(headers=[*answer.headers, *fields])

    reference.wire.append(change)


@variant()
def accepted_with_location_and_retry_after(reference: Reference) -> None:
    """A 202 says where its progress can be seen, and when to look again: after 30 seconds."""
    accepted_fields(reference, (b"location", b"/account-activities?type=access-request-close"), (b"retry-after", b"30"))


@variant()
def accepted_with_what_is_left(reference: Reference) -> None:
    """A 202 says how many requests are left of a limit: none, with the time at which there are more."""
    accepted_fields(
        reference,
        (b"x-ratelimit-limit", b"100"),
        (b"x-ratelimit-remaining", b"0"),
        (b"x-ratelimit-reset", b"10"),
        (b"ratelimit", b'"default";r=0;t=10'),
    )


@variant()
def media_type_first(reference: Reference) -> None:
    """The header fields come in the opposite order."""
    reference.wire.append(lambda answer: answer.rewrite(headers=answer.headers[::-1]))


def phrase(reference: Reference, reason: bytes) -> None:
    """Put a reason phrase into every status line."""

    def change(answer: Answer) -> None:
        answer.rewrite(status_line=answer.head[:13] + reason)

    reference.wire.append(change)


@variant()
def no_reason_phrase(reference: Reference) -> None:
    """The status line ends with the blank behind the status."""
    phrase(reference, b"")


@variant()
def misleading_reason_phrase(reference: Reference) -> None:
    """The reason phrase is OK whatever the status is."""
    phrase(reference, b"OK")


@variant()
def odd_reason_phrase(reference: Reference) -> None:
    """The reason phrase has digits, tabs, colons and octets beyond ASCII."""
    phrase(reference, b"500 Content-Length: 1\td\xe9j\xe0 vu")


def media_type(reference: Reference, value: bytes) -> None:
    """Spell the media type of every JSON answer so."""

    def change(answer: Answer) -> None:
        if (b"content-type", b"application/json") in answer.headers:
            answer.set_header(b"content-type", value)

    reference.wire.append(change)


@variant()
def media_type_with_charset(reference: Reference) -> None:
    """The media type has a parameter, with no blank before it."""
    media_type(reference, b"application/json;charset=UTF-8")


@variant()
def media_type_with_quoted_charset(reference: Reference) -> None:
    """The media type has a quoted parameter, with blanks on both sides of the semicolon."""
    media_type(reference, b'application/json ; charset="utf-8"')


@variant()
def media_type_in_capitals(reference: Reference) -> None:
    """The media type is in another case."""
    media_type(reference, b"Application/JSON; Charset=utf-8")


@variant()
def media_type_with_profile(reference: Reference) -> None:
    """The media type has a parameter whose quoted value has a semicolon in it, and an empty one."""
    media_type(reference, b'application/json; profile="a;b,c";')
