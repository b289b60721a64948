"""The import as a careful FastAPI service does it, to be measured against: one process with uvloop, asyncpg with a pool and
prepared statements, one statement for each import. It has it easier: all API keys are remembered from the start, nothing is
logged, and what FastAPI answers a wrong request stays as it is.
"""

import hashlib
import json
import os
import resource
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Dict, List, Optional
from uuid import uuid4

import asyncpg
from cryptography.fernet import Fernet
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

IMPORT = """
WITH given AS MATERIALIZED (
  SELECT organization_id, $3::uuid AS id, $4::text AS user_id, provider_id
  FROM oauth_providers WHERE organization_id = $1 AND provider_id = $2
), stored AS (
  INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id,
    access_token, access_token_key, refresh_token, refresh_token_key, scopes, metadata, expires_at)
  SELECT organization_id, id, user_id, provider_id, $5::uuid, $6::text, $7::text, $8::text, $9::text, $10::text[],
    $11::jsonb, now() + make_interval(secs => $12::double precision)
  FROM given
), made_default AS (
  INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
  SELECT organization_id, user_id, provider_id, id FROM given WHERE $13::boolean
  ON CONFLICT (organization_id, user_id, provider_id) DO UPDATE SET token_id = excluded.token_id
), audited AS (
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
  SELECT organization_id, $14::uuid, user_id, $15::text, 'token.import', id, $16::text FROM given
)
SELECT id FROM given
"""


class TokenImport(BaseModel):
    provider_id: str
    access_token: str
    refresh_token: Optional[str] = None
    expires_in_seconds: Optional[int] = None
    scopes: List[str] = []
    metadata: Optional[Dict[str, Any]] = None
    is_default: bool = True


key = os.environ["FERNET_KEYS"]
fernet = Fernet(key)
fingerprint = hashlib.sha256(f"tokenhold key fingerprint {key}".encode()).hexdigest()[:12]
owners: Dict[bytes, asyncpg.Record] = {}


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[None]:
    # More connections are slower on two cores.
    app.state.pool = pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8)
    for owner in await pool.fetch("SELECT * FROM api_keys"):
        owners[owner["key_hash"]] = owner
    yield
    pool.terminate()


app = FastAPI()
app.router.lifespan_context = connected  # what old and new versions know


@app.post("/v2/auth/tokens/import")
async def import_token(token: TokenImport, request: Request) -> Response:
    owner = owners.get(hashlib.sha256(request.headers.get("x-api-key", "").encode()).digest())
    if owner is None:
        raise HTTPException(401, "Not authenticated")
    access = fernet.encrypt(token.access_token.encode()).decode()
    refresh = token.refresh_token and fernet.encrypt(token.refresh_token.encode()).decode()
    async with app.state.pool.acquire() as connection:
        stored = await connection.fetchval(
            IMPORT, owner["organization_id"], token.provider_id, uuid4(), owner["user_id"], owner["workspace_id"],
            access, fingerprint, refresh, refresh and fingerprint, token.scopes,
            None if token.metadata is None else json.dumps(token.metadata), token.expires_in_seconds, token.is_default,
            uuid4(), f"api-key:{owner['api_key_id']}", str(uuid4()),
        )
    if stored is None:
        raise HTTPException(404, "Provider not found")
    return Response(f'{{"token_id":"{stored}"}}', media_type="application/json")


@app.get("/usage")
async def usage() -> Dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpuMicroseconds": (used.ru_utime + used.ru_stime) * 1e6, "residentBytes": used.ru_maxrss * 1024}
