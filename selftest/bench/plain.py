"""The plain loop: the standard library's client, one connection, a random valid body each time, nothing judged but the status."""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
from urllib.parse import urlsplit


def main(url: str, requests: int) -> None:
    """Send so many requests; exit 1 if one is not accepted."""
    parts = urlsplit(url)
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Authorization": f"Bearer {os.environ['CLOSECHECK_TOKEN']}",
    }
    draw = random.Random(0)
    connection = http.client.HTTPConnection(parts.netloc)
    for _ in range(requests):
        body = json.dumps({"accessRequestIds": [f"{draw.getrandbits(128):032x}"], "message": f"{draw.getrandbits(64):x}"})
        connection.request("POST", parts.path, body, headers)
        response = connection.getresponse()
        response.read()
        if response.status != 202:
            sys.exit(f"answered {response.status}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
