"""Tokens that the server host verifies itself."""

import base64
import hmac
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from agent_runtime.hosts.key_sets import LIFETIME_SECONDS, PAUSE_SECONDS, KeySets
from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.tokens import Tokens

ISSUER, NOW = "https://login.example", 1_800_000_000
KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "two"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve"})


class PretendedIssuer:
    """Documents of an issuer, as they are fetched; `keys` may change, and `is_down` fails."""

    def __init__(self) -> None:
        self.keys: list[Any] = [KEY, CURVE]
        self.fetched: list[str] = []
        self.is_down = False
        self.named = ISSUER

    def __call__(self, url: str) -> Mapping[str, Any]:
        self.fetched.append(url)
        if self.is_down:
            raise ConnectionRefusedError
        if url.endswith("/.well-known/openid-configuration"):
            return {"issuer": self.named, "jwks_uri": f"{ISSUER}/keys"}
        return dict(KeySet(self.keys).as_dict(private=False))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> PretendedIssuer:
    return PretendedIssuer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(issuer: PretendedIssuer, clock: Clock) -> Tokens:
    keys = KeySets(ISSUER, fetch=issuer, clock=clock)
    return Tokens(keys, ISSUER, frozenset({"agents", "others"}), clock=lambda: NOW)


def token(key: Any = KEY, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    given = {"iss": ISSUER, "aud": "agents", "sub": "ann", "tenant": "acme", "exp": NOW + 60} | claims
    made = {"alg": "RS256", "kid": key.kid} | (header or {})
    return jwt.encode(
        {name: value for name, value in made.items() if value is not None},
        {name: value for name, value in given.items() if value is not None},
        key,
        algorithms=["RS256", "ES256", "PS256", "HS256"],
    )


def refusal(tokens: Tokens, given: str) -> Problem:
    with pytest.raises(Problem) as caught:
        tokens.claims(given)
    return caught.value


def part(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["x", "others"]},
        {"aud": None, "client_id": "agents"},
        {"nbf": NOW + 20, "iat": NOW + 20},
        {"exp": NOW - 20},
    ],
)
def test_a_token_of_the_issuer_for_this_audience_counts(tokens: Tokens, claims: dict[str, Any]) -> None:
    assert tokens.claims(f"Bearer {token(**claims)}")["tenant"] == "acme"


@pytest.mark.parametrize(("key", "algorithm"), [(KEY, "RS256"), (KEY, "PS256"), (CURVE, "ES256")])
def test_asymmetric_algorithms_are_taken(tokens: Tokens, key: Any, algorithm: str) -> None:
    assert tokens.claims(f"bearer  {token(key, {'alg': algorithm})}")["sub"] == "ann"


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "never"}, "expired"),
        ({"exp": True}, "expired"),
        ({"nbf": NOW + 31}, "not valid yet (`nbf`)"),
        ({"iat": NOW + 31}, "not valid yet (`iat`)"),
        ({"aud": "another"}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": "another", "client_id": "agents"}, "another audience"),
        ({"aud": ["x", {"agents": 1}]}, "another audience"),
        ({"iss": "https://login.example/"}, "issuer"),
        ({"iss": None}, "issuer"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(tokens: Tokens, claims: dict[str, Any], said: str) -> None:
    problem = refusal(tokens, f"Bearer {token(**claims)}")
    assert (problem.status, problem.kind) == (401, "unauthorized")
    assert said in problem.detail


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer  ", "Basic YWJj", "Token x"])
def test_a_call_without_a_bearer_token_is_told_to_send_one(tokens: Tokens, given: str) -> None:
    problem = refusal(tokens, given)
    assert (problem.status, problem.title) == (401, "A token is needed")


def test_a_token_without_a_signature_is_refused(tokens: Tokens) -> None:
    claims = {"iss": ISSUER, "aud": "agents", "sub": "ann", "exp": NOW + 60}
    for algorithm in ("none", "None", "NONE"):
        for header in ({"alg": algorithm}, {"alg": algorithm, "kid": "one"}):
            assert refusal(tokens, f"Bearer {part(header)}.{part(claims)}.").status == 401


def test_a_public_key_does_not_sign_as_if_it_were_a_shared_one(tokens: Tokens) -> None:
    claims = {"iss": ISSUER, "aud": "agents", "sub": "ann", "exp": NOW + 60}
    signed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
    for public in (KEY.as_pem(private=False), KEY.as_der(private=False)):
        signature = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), "sha256")).rstrip(b"=")
        assert refusal(tokens, f"Bearer {signed}.{signature.decode()}").status == 401


def test_a_shared_key_that_the_issuer_publishes_signs_nothing(
    tokens: Tokens, issuer: PretendedIssuer
) -> None:
    shared = OctKey.generate_key(256, {"kid": "shared"})
    issuer.keys = [KEY]
    documents = issuer.__call__

    def with_shared(url: str) -> Mapping[str, Any]:
        found = dict(documents(url))
        return found | {"keys": [*found["keys"], shared.as_dict(private=True)]} if "keys" in found else found

    guarded = Tokens(KeySets(ISSUER, fetch=with_shared), ISSUER, frozenset({"agents"}), clock=lambda: NOW)
    assert guarded.claims(f"Bearer {token()}")["sub"] == "ann"
    assert refusal(guarded, f"Bearer {token(shared, {'alg': 'HS256'})}").status == 401


def test_a_key_does_not_count_for_another_keys_id(tokens: Tokens) -> None:
    assert refusal(tokens, f"Bearer {token(OTHER, {'kid': 'one'})}").status == 401
    assert refusal(tokens, f"Bearer {token(KEY, {'kid': 'curve'})}").status == 401
    assert refusal(tokens, f"Bearer {token(KEY, {'kid': None})}").status == 401
    assert refusal(tokens, f"Bearer {token(KEY, {'kid': 'one', 'alg': 'RS256'})[:-6]}AAAAAA").status == 401


@pytest.mark.parametrize(
    "text", ["x", "a.b", "a.b.c", "..", "é.é.é", "x" * 9000, f"{part([])}.{part({})}.AA"]
)
def test_what_is_no_token_is_refused_and_not_a_fault(tokens: Tokens, text: str) -> None:
    assert refusal(tokens, f"Bearer {text}").status == 401


def test_claims_are_texts_as_api_gateway_gives_them(tokens: Tokens) -> None:
    assert tokens.claims(f"Bearer {token(tenant=42)}")["tenant"] == "42"


def test_keys_are_fetched_once_and_a_new_one_when_it_is_named(
    tokens: Tokens, issuer: PretendedIssuer, clock: Clock
) -> None:
    for _ in range(5):
        tokens.claims(f"Bearer {token()}")
    assert len(issuer.fetched) == 2
    issuer.keys.append(OTHER)
    clock.now += PAUSE_SECONDS
    assert tokens.claims(f"Bearer {token(OTHER)}")["sub"] == "ann"
    assert len(issuer.fetched) == 4


def test_unknown_keys_make_the_issuer_be_asked_no_more_than_once_in_a_while(
    tokens: Tokens, issuer: PretendedIssuer, clock: Clock
) -> None:
    tokens.claims(f"Bearer {token()}")
    for _ in range(50):
        refusal(tokens, f"Bearer {token(OTHER)}")
    assert len(issuer.fetched) == 2
    clock.now += PAUSE_SECONDS
    for _ in range(50):
        refusal(tokens, f"Bearer {token(OTHER)}")
    assert len(issuer.fetched) == 4


def test_a_key_that_was_withdrawn_ends_with_its_lifetime(
    tokens: Tokens, issuer: PretendedIssuer, clock: Clock
) -> None:
    tokens.claims(f"Bearer {token()}")
    issuer.keys = [OTHER]
    assert tokens.claims(f"Bearer {token()}")
    clock.now += LIFETIME_SECONDS
    assert refusal(tokens, f"Bearer {token()}").status == 401


def test_an_issuer_that_is_down_locks_out_nobody_whose_key_is_known(
    tokens: Tokens, issuer: PretendedIssuer, clock: Clock
) -> None:
    tokens.claims(f"Bearer {token()}")
    issuer.is_down = True
    clock.now += LIFETIME_SECONDS
    assert tokens.claims(f"Bearer {token()}")["sub"] == "ann"


@pytest.mark.parametrize("fault", ["down", "another issuer"])
def test_without_any_keys_callers_are_asked_to_come_again(
    tokens: Tokens, issuer: PretendedIssuer, clock: Clock, fault: str
) -> None:
    issuer.is_down, issuer.named = fault == "down", "https://evil.example" if fault != "down" else ISSUER
    for _ in range(5):
        problem = refusal(tokens, f"Bearer {token()}")
        assert (problem.status, problem.kind, problem.retry_after) == (503, "issuer-unavailable", 10)
    assert len(issuer.fetched) == 1, "and the issuer is not asked for each of them"
    issuer.is_down, issuer.named = False, ISSUER
    clock.now += PAUSE_SECONDS
    assert tokens.claims(f"Bearer {token()}")["sub"] == "ann"


def test_while_one_caller_waits_for_the_issuer_those_with_known_keys_do_not(clock: Clock) -> None:
    issuer, is_asked, may_answer = PretendedIssuer(), threading.Event(), threading.Event()
    may_answer.set()

    def slow(url: str) -> Mapping[str, Any]:
        is_asked.set()
        assert may_answer.wait(10)
        return issuer(url)

    tokens = Tokens(
        KeySets(ISSUER, fetch=slow, clock=clock), ISSUER, frozenset({"agents"}), clock=lambda: NOW
    )
    tokens.claims(f"Bearer {token()}")
    clock.now += LIFETIME_SECONDS
    is_asked.clear()
    may_answer.clear()
    waiting = threading.Thread(target=lambda: tokens.claims(f"Bearer {token()}"))
    waiting.start()
    assert is_asked.wait(10)
    assert tokens.claims(f"Bearer {token()}")["sub"] == "ann"
    may_answer.set()
    waiting.join(10)
