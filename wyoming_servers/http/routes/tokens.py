"""`/tokens`, `/pair` and `/proof`: tokens, pairing, and the proof of the server's identity."""

import math
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.errors import NotFoundError
from wyoming_servers.http.auth.access import request_token
from wyoming_servers.http.auth.tokens import (
    MIN_PROOF_TOKEN_LENGTH,
    Token,
    TokenScope,
    digest_of,
    format_address,
    proof,
    proof_text,
)
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

router = APIRouter(tags=["tokens"], responses={**PROBLEM_RESPONSES})

open_router = APIRouter(tags=["tokens"], responses={**PROBLEM_RESPONSES})
"""Needs no token: for clients that have none yet, or do not trust the server with it yet."""

Name = Annotated[str, Field(min_length=1, max_length=100, examples=["Home Assistant"])]


class ProofResponse(BaseModel):
    """Proof that the server knows its tokens, without revealing one."""

    uuid: str = Field(description="Identity of this installation.")
    address: str = Field(description="Address of the server on this connection.")
    fingerprint: str = Field(
        description="SHA-256 of the server's certificate, hexadecimal; empty without `api.tls`."
    )
    proofs: list[str] = Field(
        description="One proof per token, hexadecimal; with `api.tls` one more per token, for "
        "connections without TLS and through a proxy."
    )


class PairingCodeResponse(BaseModel):
    """A pairing code is valid; the log of the server shows it."""

    expires_in_secs: int


class ShownPairingCodeResponse(PairingCodeResponse):
    """The pairing code that is valid now."""

    code: str = Field(description="Six digits.")
    fingerprint: str = Field(
        description="SHA-256 of the server's certificate, hexadecimal; empty without `api.tls`."
    )


class PairRequest(BaseModel):
    """A pairing code to exchange for a token."""

    code: str = Field(min_length=6, max_length=6, examples=["123456"])
    name: Name = Field("Home Assistant", description="Name of the client, for the list of tokens.")


class TokenRequest(BaseModel):
    """A token to create."""

    name: Name = Field(description="Name of the client, for the list of tokens.")
    scope: TokenScope = Field(
        TokenScope.OPERATE, description="What the token allows; each scope includes those before."
    )


class TokenResponse(BaseModel):
    """A token, without the token itself."""

    id: str
    name: str
    scope: TokenScope
    created_at: str


class NewTokenResponse(TokenResponse):
    """A new token."""

    token: str = Field(description="Shown only now.")
    uuid: str = Field(description="Identity of this installation.")


class TokenListResponse(BaseModel):
    """All tokens except that in `<data_dir>/api-token`, oldest first."""

    tokens: list[TokenResponse]


@open_router.get("/proof", summary="Prove the identity of the server")
async def get_proof(
    request: Request,
    context: Context,
    nonce: Annotated[
        str, Query(pattern="^[A-Za-z0-9_-]{32,128}$", description="Random, new for each request.")
    ],
) -> ProofResponse:
    """Lets a client verify that a server at a new address knows the client's token, before it
    sends the token.

    A proof is the HMAC-SHA256 of `wyoming-conductor proof v1`, `nonce`, `uuid` and `address`,
    joined by line feeds; its key is the SHA-256 of the token. The client computes it with its own
    token and the IP address and port to which it has connected (`192.168.1.20:10380`,
    `[fd00::5]:10380`), and trusts the server if the result is one of `proofs`.

    With TLS a fifth line follows: the SHA-256 of the certificate that the client has received, in
    64 lower-case hexadecimal digits, unless an authority has verified the certificate. The client
    trusts this certificate from then on.
    """
    server = request.scope.get("server")
    try:
        address = format_address(*server) if server else ""
    except ValueError:
        address = ""
    proofs: list[str] = []
    for fingerprint in dict.fromkeys((context.fingerprint, "")):
        text = proof_text(nonce, context.uuid, address, fingerprint)
        proofs += context.tokens.proofs(text)
        if context.token and len(context.token) >= MIN_PROOF_TOKEN_LENGTH:
            proofs.append(proof(context.token, text))
    if not proofs or not address:
        raise NotFoundError(
            "This server cannot prove its identity.",
            hint=f"That needs a token of {MIN_PROOF_TOKEN_LENGTH} characters or more.",
        )
    return ProofResponse(
        uuid=context.uuid, address=address, fingerprint=context.fingerprint, proofs=proofs
    )


@open_router.post("/pair/code", status_code=202, summary="Ask for a pairing code")
async def request_pairing_code(request: Request, context: Context) -> PairingCodeResponse:
    """Writes six digits to the log of the server; `wyoming-conductor pair` prints them as well.

    While a code is valid, asking again changes nothing. After three wrong codes pairing is locked
    for an hour, and longer each further time.
    """
    _require_authentication(context)
    client = request.client.host if request.client else "an unknown address"
    return PairingCodeResponse(expires_in_secs=math.ceil(context.pairing.request_code(client)))


@open_router.post("/pair", status_code=201, summary="Exchange a pairing code for a token")
async def pair(context: Context, body: PairRequest) -> NewTokenResponse:
    """The token has scope `operate`. A code can be used once."""
    _require_authentication(context)
    context.pairing.redeem(body.code)
    return await _create_token(context, body.name, TokenScope.OPERATE)


@router.delete("/pair", status_code=204, summary="Revoke the token of this request")
async def unpair(request: Request, context: Context) -> Response:
    """For a client that leaves. The token in `<data_dir>/api-token` stays valid."""
    digest = digest_of(request_token(request) or "")
    found = next((token for token in context.tokens.tokens if token.digest == digest), None)
    if found is None:
        raise NotFoundError(
            "The token of this request is none that can be revoked.",
            hint="Delete <data_dir>/api-token and restart the server to replace the owner's token.",
        )
    await context.tokens.revoke(found.id)
    return Response(status_code=204)


@router.get("/pair/code", summary="Show a pairing code")
async def get_pairing_code(context: Context) -> ShownPairingCodeResponse:
    """Returns the code that is valid now, or a new one."""
    code, seconds = context.pairing.show_code()
    return ShownPairingCodeResponse(
        code=code, expires_in_secs=math.ceil(seconds), fingerprint=context.fingerprint
    )


@router.get("/tokens", summary="List tokens")
async def list_tokens(context: Context) -> TokenListResponse:
    return TokenListResponse(tokens=[_token_response(token) for token in context.tokens.tokens])


@router.post("/tokens", status_code=201, summary="Create a token")
async def create_token(context: Context, body: TokenRequest) -> NewTokenResponse:
    return await _create_token(context, body.name, body.scope)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke a token")
async def revoke_token(context: Context, token_id: Annotated[str, Path()]) -> Response:
    await context.tokens.revoke(token_id)
    return Response(status_code=204)


async def _create_token(context: ApiContext, name: str, scope: TokenScope) -> NewTokenResponse:
    entry, token = await context.tokens.create(name, scope)
    return NewTokenResponse(**_token_response(entry).model_dump(), token=token, uuid=context.uuid)


def _token_response(token: Token) -> TokenResponse:
    return TokenResponse(
        id=token.id, name=token.name, scope=token.scope, created_at=iso_timestamp(token.created)
    )


def _require_authentication(context: ApiContext) -> None:
    if not context.requires_token:
        raise NotFoundError(
            "This server needs no token.", hint="Set api.auth: token to require one."
        )
