"""
Bytes become a JSON value here or are refused with 400: RFC 8259 to the letter, and nothing can make it a 5xx.
"""

from __future__ import annotations

import json
from typing import NoReturn

from closecheck.reference.errors import BadSyntax, cause


class Reader:
    """
    Reads the body of a request.
    """

    def __init__(self) -> None:
        self.media_type = "application/json"
        self.encoding = "utf-8"

    def read(self, content_types: list[str], body: bytes) -> object:
        """
        The JSON value of a body; numbers come as floats, as no member here is a number.

        Raises:
            BadSyntax: no body, another media type, not UTF-8, not JSON, nested too deeply.
        """
        self.check_present(body)
        self.check_media_type(content_types)
        return self.parse(self.decode(body))

    def check_present(self, body: bytes) -> None:
        """
        The body is required (page: Body); white space alone is none.
        """
        if not body.strip(b" \t\r\n"):
            raise BadSyntax(cause("body.missing"))

    def check_media_type(self, content_types: list[str]) -> None:
        """
        One field, ``application/json`` in any case, with any parameters (RFC 9110, 8.3.1).
        """
        named = [value.partition(";")[0].strip(" \t").lower() for value in content_types]
        if named != [self.media_type]:
            raise BadSyntax(cause("body.media_type"))

    def decode(self, body: bytes) -> str:
        """
        The text of the body (RFC 8259, 8.1).
        """
        try:
            return body.decode(self.encoding)
        except UnicodeDecodeError:
            raise BadSyntax(cause("body.utf8")) from None

    def parse(self, text: str) -> object:
        """
        The value of the text; of members that bear one name the last counts.
        """
        try:
            # An integer of more than 4,300 digits would raise, although it is lawful JSON: no number is needed exactly.
            return json.loads(text, parse_int=float, parse_constant=self.refuse_constant)
        except RecursionError:
            raise BadSyntax(cause("body.depth")) from None
        except ValueError:
            raise BadSyntax(cause("body.json")) from None

    def refuse_constant(self, name: str) -> NoReturn:
        """
        NaN, Infinity and -Infinity are no JSON, although Python reads them.
        """
        raise ValueError(name)
