"""The same agent with the client `langchain_auth` (pip install langchain-auth), which needs no change to use Tokenhold.

    export LANGSMITH_API_URL=http://127.0.0.1:8124
    TOKENHOLD_API_KEY=thk_... python3 examples/agent_langchain.py --provider github --user alice@example.com https://api.github.com/user
"""

import argparse
import asyncio
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

os.environ.setdefault("LANGSMITH_API_URL", os.environ.get("TOKENHOLD_URL", "http://127.0.0.1:8124"))

from langchain_auth import Client  # noqa: E402 - it reads the URL when it is imported


async def access_token(client, options):
    """The user's access token. The first time, the user consents in a browser."""

    async def authenticate():
        return await client.authenticate(provider=options.provider, scopes=options.scope, user_id=options.user)

    answer = await authenticate()
    if answer.status == "pending":
        print(f"Please open {answer.url}", flush=True)
        await client.wait_for_completion(answer.auth_id)
        answer = await authenticate()
    return answer.token


def call(url, token):
    try:
        with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"}), timeout=30) as response:
            return response.status
    except HTTPError as error:
        return error.code


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--provider", default="github")
    parser.add_argument("--user", required=True)
    parser.add_argument("--scope", action="append", default=[])
    parser.add_argument("urls", nargs="+")
    options = parser.parse_args()
    client = Client(api_key=os.environ["TOKENHOLD_API_KEY"])
    for url in options.urls:
        print(f"{call(url, await access_token(client, options))} {url}", flush=True)


asyncio.run(main())
