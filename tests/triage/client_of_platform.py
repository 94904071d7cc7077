"""A scorer in a process of its own: sends each record on its standard input, in odd ways.

Arguments: URL and a seed. The records come out of order, in requests of odd sizes, some twice, and
again whenever the server was away.
"""

import http.client
import json
import random
import sys
import time
from urllib.parse import urlsplit


def post(url: str, records: list[object]) -> None:
    place = urlsplit(url)
    deadline = time.monotonic() + 60
    while True:
        try:
            peer = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
            body = json.dumps({"records": records})
            peer.request("POST", "/api/alerts", body, {"Content-Type": "application/json"})
            response = peer.getresponse()
            said = response.read()
            if response.status == 200:
                return
            if response.status < 500:
                sys.exit(f"{response.status} {said!r}")
        except OSError:
            if time.monotonic() > deadline:
                raise
        except http.client.HTTPException:
            pass
        time.sleep(0.05)


def main() -> None:
    url, seed = sys.argv[1:]
    luck = random.Random(seed)  # noqa: S311
    records = [json.loads(line) for line in sys.stdin]
    sent = records + luck.sample(records, len(records) // 2)
    luck.shuffle(sent)
    while sent:
        size = luck.randint(1, 12)
        post(url, sent[:size])
        sent = sent[size:]


if __name__ == "__main__":
    main()
