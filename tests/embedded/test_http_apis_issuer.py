import json
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from embedded_aws.http_apis.issuer import Issuer


def test_the_key_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "issuer.pem"
    first, second = Issuer("http://127.0.0.1:1", path), Issuer("http://127.0.0.1:1", path)
    assert first.documents() == second.documents()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["issuer.pem"]


def test_documents_are_those_of_openid_and_hold_no_private_half(tmp_path: Path) -> None:
    documents = Issuer("http://127.0.0.1:1/", tmp_path / "key").documents()
    discovery = json.loads(documents["/.well-known/openid-configuration"])
    (key,) = json.loads(documents["/.well-known/jwks.json"])["keys"]
    assert discovery["issuer"] == "http://127.0.0.1:1"
    assert discovery["jwks_uri"] == "http://127.0.0.1:1/.well-known/jwks.json"
    assert key["kty"] == "RSA"
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key)


def test_a_token_is_verified_by_the_published_keys(tmp_path: Path) -> None:
    issuer = Issuer("http://127.0.0.1:1", tmp_path / "key", clock=lambda: 1000.0)
    token = issuer.token(audience="agents", subject="ann", claims={"tenant": "acme"}, lifetime_seconds=60)
    keys = KeySet.import_key_set(json.loads(issuer.documents()["/.well-known/jwks.json"]))
    decoded = jwt.decode(token, keys, algorithms=["RS256"])
    assert decoded.header["kid"]
    assert decoded.claims == {
        "iss": "http://127.0.0.1:1",
        "aud": "agents",
        "sub": "ann",
        "iat": 1000,
        "nbf": 1000,
        "exp": 1060,
        "tenant": "acme",
    }


@pytest.mark.parametrize("name", ["iss", "sub", "exp"])
def test_claims_cannot_replace_the_registered_ones(tmp_path: Path, name: str) -> None:
    issuer = Issuer("http://127.0.0.1:1", tmp_path / "key")
    token = issuer.token(audience="agents", subject="ann", claims={name: "forged"})
    assert jwt.decode(token, issuer.keys, algorithms=["RS256"]).claims[name] != "forged"
