import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from werkzeug.wrappers import Request, Response

from embedded_aws.http_apis.issuer import Issuer
from embedded_aws.http_apis.key_sets import KeySets, NoKeys
from tests.embedded.functions_world import serving
from tests.embedded.http_apis_world import Apis, apis, moto


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("issuer") / "key.pem"


@pytest.fixture
def aws(url: str, key: Path) -> Iterator[Apis]:
    with apis(url, key) as made:
        yield made


def guarded(aws: Apis, *, issuer: str | None = None, scopes: list[str] | None = None) -> str:
    """Id of an API whose one route, `GET /runs`, asks for a token for `agents`."""
    api = aws.api()
    aws.stage(api)
    authorizer = aws.client("apigatewayv2").create_authorizer(
        ApiId=api,
        Name="people",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": issuer or aws.issuer.url, "Audience": ["agents", "others"]},
    )
    aws.route(
        api,
        "GET /runs",
        aws.function(lambda event: event["requestContext"]["authorizer"]),
        AuthorizationType="JWT",
        AuthorizerId=authorizer["AuthorizerId"],
        **({"AuthorizationScopes": scopes} if scopes else {}),
    )
    return api


def call(aws: Apis, api: str, authorization: str | None) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    return aws.http.get(f"/{api}/runs", headers=headers)


def signed(aws: Apis, **changes: Any) -> str:
    """A token by the issuer's own key; a claim that is None is left out."""
    now = int(aws.clock.now)
    claims = {"iss": aws.issuer.url, "aud": "agents", "sub": "ann", "exp": now + 60, **changes}
    return jwt.encode(
        {"alg": "RS256", "kid": aws.issuer._key.kid},
        {name: value for name, value in claims.items() if value is not None},
        aws.issuer._key,
    )


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
def test_a_good_token_is_let_in_and_its_claims_arrive_as_strings(aws: Apis, scheme: str) -> None:
    claims = {"tenant": "acme", "level": 3, "admin": True, "groups": ["a", "b"]}
    token = aws.issuer.token(audience="agents", subject="ann", claims=claims)
    reply = call(aws, guarded(aws), scheme + token)
    assert reply.status_code == 200
    found = reply.json["jwt"]["claims"]
    assert reply.json["jwt"]["scopes"] is None
    assert (found["sub"], found["tenant"], found["level"], found["admin"]) == ("ann", "acme", "3", "true")
    assert found["groups"] == "[a b]"
    assert found["exp"] == str(int(aws.clock.now) + 3600)


@pytest.mark.parametrize("authorization", [None, "", "Bearer ", "Bearer no.token.here", "Basic YTpi"])
def test_no_token_is_401(aws: Apis, authorization: str | None) -> None:
    reply = call(aws, guarded(aws), authorization)
    assert (reply.status_code, reply.json) == (401, {"message": "Unauthorized"})
    assert aws.functions.events == []


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://another"},
        {"aud": "nobody"},
        {"aud": None},
        {"aud": "nobody", "client_id": "agents"},
        {"exp": 1_600_000_000},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 1_700_000_060},
        {"iat": 1_700_000_060},
    ],
)
def test_a_token_with_one_wrong_claim_is_401(aws: Apis, changes: dict[str, Any]) -> None:
    assert call(aws, guarded(aws), signed(aws, **changes)).status_code == 401


@pytest.mark.parametrize("changes", [{}, {"aud": ["x", "others"]}, {"aud": None, "client_id": "agents"}])
def test_the_audience_may_be_one_of_several_or_the_client(aws: Apis, changes: dict[str, Any]) -> None:
    assert call(aws, guarded(aws), signed(aws, **changes)).status_code == 200


def test_a_token_of_another_key_is_401(aws: Apis) -> None:
    claims = {"iss": aws.issuer.url, "aud": "agents", "exp": int(aws.clock.now) + 60}
    own = aws.issuer._key.kid
    tokens = [
        jwt.encode({"alg": "RS256", "kid": own}, claims, RSAKey.generate_key(2048)),
        jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, aws.issuer._key),
        jwt.encode({"alg": "RS256"}, claims, aws.issuer._key),
        jwt.encode({"alg": "ES256", "kid": own}, claims, ECKey.generate_key("P-256")),
        jwt.encode({"alg": "HS256", "kid": own}, claims, OctKey.generate_key(256)),
    ]
    api = guarded(aws)
    assert [call(aws, api, token).status_code for token in tokens] == [401] * len(tokens)


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"scope": "runs:read runs:write"}, 200),
        ({"scp": ["runs:write"]}, 200),
        ({"scope": "runs:admin"}, 403),
        ({}, 403),
    ],
)
def test_a_route_with_scopes_asks_for_one_of_them(aws: Apis, claims: dict[str, Any], status: int) -> None:
    api = guarded(aws, scopes=["runs:write", "runs:all"])
    reply = call(aws, api, aws.issuer.token(audience="agents", subject="ann", claims=claims))
    assert reply.status_code == status
    if status == 403:
        assert reply.json == {"message": "Forbidden"}


def test_the_keys_of_another_issuer_are_read_over_http_and_cached(aws: Apis, tmp_path: Path) -> None:
    asked: list[str] = []

    @Request.application
    def serve(request: Request) -> Response:
        asked.append(request.path)
        return Response(issuer.documents()[request.path], content_type="application/json")

    with serving(serve) as address:
        issuer = Issuer(address, tmp_path / "other.pem", aws.clock)
        api = guarded(aws, issuer=address)
        token = issuer.token(audience="agents", subject="bob", claims={})
        assert [call(aws, api, token).status_code for _ in range(2)] == [200, 200]
        assert asked == ["/.well-known/openid-configuration", "/.well-known/jwks.json"]
        aws.clock.now += 301
        assert call(aws, api, token).status_code == 200
        assert len(asked) == 4


def test_an_issuer_that_cannot_be_asked_is_401(aws: Apis) -> None:
    api = guarded(aws, issuer="http://127.0.0.1:9")
    token = aws.issuer.token(audience="agents", subject="ann", claims={})
    assert call(aws, api, token).status_code == 401


def test_no_more_issuers_are_remembered_than_fit(tmp_path: Path) -> None:
    local = Issuer("http://127.0.0.1:1", tmp_path / "key")
    documents = {path: json.loads(text) for path, text in local.documents().items()}
    asked: list[str] = []

    def fetch(url: str) -> Any:
        asked.append(url)
        return documents["/.well-known/" + url.rpartition("/")[2]]

    keys = KeySets(local, fetch=fetch)
    for number in range(65):
        keys.of(f"http://issuer-{number}")
    asked.clear()
    keys.of("http://issuer-64")
    assert asked == []
    keys.of("http://issuer-0")
    assert asked


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/keys"])
def test_keys_are_read_over_http_alone(tmp_path: Path, url: str) -> None:
    with pytest.raises(NoKeys):
        KeySets(Issuer("http://127.0.0.1:1", tmp_path / "key")).of(url)


def test_an_authorization_that_is_not_emulated_lets_nobody_in(aws: Apis) -> None:
    api = aws.answering(lambda _: {}, "GET /runs", AuthorizationType="AWS_IAM")
    assert call(aws, api, "anything").status_code == 403
    assert "emulates JWT authorizers alone" in aws.log[-1]
