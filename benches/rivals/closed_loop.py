"""Loads an endpoint as many scripts do: workers that ask again when they are answered; `closed_loop.py URL RPS SECONDS`."""

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

WORKERS = 8
BODY = json.dumps({"dataframe_split": {"columns": ["a"], "data": [[1.5]]}})


def main():
    url, rps, seconds = urlsplit(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    taken = []

    def work():
        connection = http.client.HTTPConnection(url.hostname, url.port)
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            connection.request("POST", url.path, BODY, {"content-type": "application/json"})
            connection.getresponse().read()
            taken.append(1e3 * (time.perf_counter() - start))
            time.sleep(max(0, WORKERS / rps - (time.perf_counter() - start)))

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    taken.sort()
    print(f"NUMBERS {json.dumps([taken[int(len(taken) * q)] for q in (0.5, 0.95, 0.99)])}")


if __name__ == "__main__":
    main()
