"""An agent that works with a user's token, over plain HTTP and with Python's standard library alone.

    TOKENHOLD_API_KEY=thk_... python3 examples/agent.py --provider github --user alice@example.com https://api.github.com/user

Each URL is a piece of work. The agent asks for the token each time and keeps none: Tokenhold has the one that is valid.
"""

import argparse
import json
import os
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

WAIT_SECONDS = 300

VAULT = os.environ.get("TOKENHOLD_URL", "http://127.0.0.1:8124")
HEADERS = {"X-Api-Key": os.environ.get("TOKENHOLD_API_KEY", ""), "Content-Type": "application/json"}


def ask(path, body=None):
    """Asks the vault. 503: the provider is slow, or the vault is busy, and it says when to ask again."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(VAULT + path, data, HEADERS), timeout=WAIT_SECONDS + 10) as response:
            return json.load(response)
    except HTTPError as error:
        if error.code != 503:
            raise SystemExit(f"{path}: {error.code} {error.read().decode()}")
        time.sleep(int(error.headers.get("Retry-After", "1")))
        return ask(path, body)


def access_token(options, is_new=False):
    """The user's access token. The first time, the user consents in a browser."""
    answer = ask(
        "/v2/auth/authenticate",
        {
            "provider": options.provider,
            "scopes": options.scope,
            "user_id": options.user,
            "force_new": is_new,
        },
    )
    if answer["status"] == "completed":
        return answer["token"]
    if answer["status"] != "pending":
        raise SystemExit(f"no token: {answer['status']}")
    print(f"Please open {answer['url']}", flush=True)
    waited = ask(f"/v2/auth/wait/{answer['auth_id']}?timeout={WAIT_SECONDS}")
    if waited["status"] != "completed":
        raise SystemExit(f"no consent: {waited['status']}")
    return waited["token"]


def call(url, token):
    try:
        with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"}), timeout=30) as response:
            return response.status
    except HTTPError as error:
        return error.code


def work(url, options):
    status = call(url, access_token(options))
    # 401: the user has withdrawn the consent at the provider, so ask for a new one.
    return call(url, access_token(options, is_new=True)) if status == 401 else status


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--provider", default="github")
    parser.add_argument("--user", help="left out: the API key's own user")
    parser.add_argument("--scope", action="append", default=[])
    parser.add_argument("urls", nargs="+")
    options = parser.parse_args()
    for url in options.urls:
        print(f"{work(url, options)} {url}", flush=True)


main()
