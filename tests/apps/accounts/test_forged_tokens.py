"""Tokens are what they say: every other text is refused, and none of them breaks anything."""

import base64
import hmac
import json
import time as real_time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.conf import settings

from apps.accounts.checks import check_signing_key
from apps.accounts.models import User
from apps.accounts.services.tokens import ClientInfo, TokenPair, start_session
from core import clock
from core.ids import new_id
from tests.apps.accounts.conftest import Clock
from tests.factories import make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
KEY = settings.SIMPLE_JWT["SIGNING_KEY"]
Forge = Callable[[TokenPair], str]


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def signed(change: dict[str, Any], *, key: str = KEY, algorithm: str = "HS256", headers: Any = None) -> Forge:
    """Forge the good access token with some claims changed (None: left out), signed by hand."""

    def forge(pair: TokenPair) -> str:
        claims = {name: value for name, value in {**claims_of(pair.access), **change}.items() if value is not None}
        message = f"{part({'alg': algorithm, 'typ': 'JWT', **(headers or {})})}.{part(claims)}"
        digest = f"sha{algorithm[2:]}"
        return f"{message}.{part(hmac.new(key.encode(), message.encode(), digest).digest())}"

    return forge


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(header: Any, *, signature: str = "") -> Forge:
    return lambda pair: f"{part(header)}.{pair.access.split('.')[1]}.{signature}"


def original_signature_over(change: dict[str, Any]) -> Forge:
    def forge(pair: TokenPair) -> str:
        header, _, signature = pair.access.split(".")
        return f"{header}.{part({**claims_of(pair.access), **change})}.{signature}"

    return forge


def with_duplicate_claim(pair: TokenPair) -> str:
    """Two `sub` claims, signed with another key."""
    head = json.dumps(claims_of(pair.access))[:-1]
    body = part(f'{head}, "sub": "{new_id()}"}}'.encode())
    message = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{body}"
    return f"{message}.{part(b'x' * 32)}"


HOUR = 3600
NOW = int(real_time.time())
FORGERIES: dict[str, Forge] = {
    "nothing": lambda pair: "",
    "blanks": lambda pair: "   ",
    "garbage": lambda pair: "garbage",
    "two dots": lambda pair: "..",
    "three words": lambda pair: "one two three",
    "not base64": lambda pair: "!!!.???.***",
    "letters of another script": lambda pair: "приве́т.мир.подпись",
    "one megabyte": lambda pair: pair.access + "a" * 1_000_000,
    "one megabyte of header": lambda pair: part(b"[" * 700_000) + "." + pair.access.split(".", 1)[1],
    "a header nested a thousand deep": lambda pair: part(b"[" * 1_400) + ".e30.AA",
    "a payload nested a thousand deep": lambda pair: f"{part({'alg': 'HS256'})}.{part(b'[' * 1_300)}.AA",
    "alg none": unsigned({"alg": "none", "typ": "JWT"}),
    "alg None": unsigned({"alg": "None", "typ": "JWT"}),
    "alg nOnE with the old signature": lambda pair: unsigned({"alg": "nOnE"}, signature=pair.access.split(".")[2])(
        pair
    ),
    "alg is a list": unsigned({"alg": ["HS256"]}, signature="AA"),
    "no alg": unsigned({"typ": "JWT"}, signature="AA"),
    "header is a list": unsigned([1, 2], signature="AA"),
    "header is null": unsigned(None, signature="AA"),
    "empty signature": lambda pair: pair.access.rsplit(".", 1)[0] + ".",
    "no signature": lambda pair: pair.access.rsplit(".", 1)[0],
    "half a signature": lambda pair: pair.access[:-20],
    "one sign changed": lambda pair: pair.access[:-10] + ("A" if pair.access[-10] != "A" else "B") + pair.access[-9:],
    "another key": signed({}, key="another key, long enough for the algorithm"),
    "an empty key": lambda pair: signed({}, key="")(pair),
    "HS384": signed({}, algorithm="HS384"),
    "HS512": signed({}, algorithm="HS512"),
    "kid names a file": signed({}, key="", headers={"kid": "../../../../dev/null"}),
    "kid is SQL": signed({}, key="x" * 32, headers={"kid": "' UNION SELECT 'x"}),
    "jku of the attacker": signed({}, key="x" * 32, headers={"jku": "https://attacker.example/keys"}),
    "jwk of the attacker": signed({}, key="x" * 32, headers={"jwk": {"kty": "oct", "k": part(b"x" * 32)}}),
    "crit": signed({}, headers={"crit": ["exp"]}),
    "wrong issuer": signed({"iss": "another-shop"}),
    "no issuer": signed({"iss": None}),
    "issuer is a list": signed({"iss": ["shop-engine"]}),
    "wrong audience": signed({"aud": "another-api"}),
    "no audience": signed({"aud": None}),
    "two audiences": signed({"aud": ["shop-api", "another-api"]}),
    "refresh used as access": lambda pair: pair.refresh,
    "wrong typ": signed({"typ": "id"}),
    "no typ": signed({"typ": None}),
    "typ is a list": signed({"typ": ["access"]}),
    "expired a second ago": signed({"exp": NOW - 1}),
    "no exp": signed({"exp": None}),
    "exp is text": signed({"exp": str(NOW + HOUR)}),
    "exp is a fraction": signed({"exp": NOW + HOUR + 0.5}),
    "exp is true": signed({"exp": True}),
    "exp is beyond all time": signed({"exp": 10**400}),
    "exp is infinite": signed({"exp": float("inf")}),
    "not yet valid": signed({"nbf": NOW + HOUR}),
    "made in the future": signed({"iat": NOW + HOUR}),
    "no sub": signed({"sub": None}),
    "sub is a number": signed({"sub": 1}),
    "sub is no id": signed({"sub": "admin"}),
    "sub is another account": signed({"sub": str(new_id())}),
    "no jti": signed({"jti": None}),
    "jti is a number": signed({"jti": 5}),
    "no sid": signed({"sid": None}),
    "sid is SQL": signed({"sid": "' OR 1=1 --"}),
    "sid is unknown": signed({"sid": str(new_id())}),
    "no ver": signed({"ver": None}),
    "ver is text": signed({"ver": "0"}),
    "ver is true": signed({"ver": False}),
    "ver is the next": signed({"ver": 1}),
    "ver is beyond the column": signed({"ver": 2**63}),
    "ver is negative": signed({"ver": -1}),
    "payload changed": original_signature_over({"sub": str(new_id())}),
    "duplicate claim": with_duplicate_claim,
}


@pytest.fixture
def pair() -> TokenPair:
    return start_session(user=make_user(), client=ClientInfo(ip_address=None), now=clock.now())


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forged_access_token_is_taken(api: ApiClient, pair: TokenPair, name: str) -> None:
    header = f"Bearer {FORGERIES[name](pair)}"
    response = api.get("auth/profile/", Authorization=header)
    assert response.status_code == 401, (name, response.content)
    assert response.json()["code"] == "invalid_token"
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert api.get("auth/profile/", Authorization=f"Bearer {pair.access}").status_code == 200


@pytest.mark.parametrize("name", sorted(set(FORGERIES) - {"nothing", "refresh used as access"}))
def test_no_forged_refresh_token_is_taken(api: ApiClient, pair: TokenPair, name: str) -> None:
    as_refresh = TokenPair(user=pair.user, access=pair.refresh, refresh=pair.access)
    response = api.post("auth/refresh/", {"refresh": FORGERIES[name](as_refresh)})
    # A text of nothing but blanks and one over the size of a body never reach the tokens.
    assert response.status_code in ({400, 401} if name == "blanks" else {401, 413}), (name, response.content)
    assert response["Content-Type"] == "application/problem+json"
    assert api.post("auth/refresh/", {"refresh": pair.refresh}).status_code == 200


def test_an_access_token_is_no_refresh_token(api: ApiClient, pair: TokenPair) -> None:
    assert api.post("auth/refresh/", {"refresh": pair.access}).status_code == 401
    assert api.get("auth/profile/", Authorization=f"Bearer {pair.access}").status_code == 200
    assert api.post("auth/refresh/", {"refresh": pair.access}).status_code == 401  # also once it is remembered


def test_another_accounts_sign_in_does_not_fit(api: ApiClient, pair: TokenPair) -> None:
    other = make_user()
    forged = signed({"sub": str(other.pk)})(pair)
    assert api.get("auth/profile/", Authorization=f"Bearer {forged}").status_code == 401


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Token abc", "bearer", "Bearer"])
def test_what_is_no_bearer_token_leaves_the_request_anonymous_or_refused(api: ApiClient, header: str) -> None:
    response = api.get("auth/profile/", Authorization=header)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith('Bearer realm="api"')


def test_the_scheme_is_taken_in_any_case_of_letters(api: ApiClient, pair: TokenPair) -> None:
    assert api.get("auth/profile/", Authorization=f"bEARER {pair.access}").status_code == 200


def test_an_access_token_ends_on_time_also_when_it_is_remembered(api: ApiClient, time: Clock) -> None:
    pair = start_session(user=make_user(), client=ClientInfo(ip_address=None), now=time.now)
    header = {"Authorization": f"Bearer {pair.access}"}
    time.advance(minutes=9, seconds=58)
    assert api.get("auth/profile/", **header).status_code == 200
    time.advance(seconds=3)
    assert api.get("auth/profile/", **header).status_code == 401


def test_a_changed_key_ends_all_tokens_also_remembered_ones(api: ApiClient, pair: TokenPair, settings) -> None:
    header = {"Authorization": f"Bearer {pair.access}"}
    assert api.get("auth/profile/", **header).status_code == 200
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "SIGNING_KEY": "the new key, as long as the algorithm asks for"}
    assert api.get("auth/profile/", **header).status_code == 401


@pytest.mark.parametrize(("key", "complaints"), [("k" * 31, ["accounts.E001"]), ("k" * 32, [])])
def test_a_short_key_is_complained_about(settings, key: str, complaints: list[str]) -> None:
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "SIGNING_KEY": key}
    assert [complaint.id for complaint in check_signing_key()] == complaints


def test_a_tokens_claims_are_the_documented_ones(pair: TokenPair) -> None:
    access, refresh = claims_of(pair.access), claims_of(pair.refresh)
    assert set(access) == set(refresh) == {"iss", "aud", "typ", "jti", "sid", "ver", "sub", "exp"}
    assert (access["typ"], refresh["typ"]) == ("access", "refresh")
    assert access["sid"] == refresh["sid"]
    assert access["jti"] != refresh["jti"]
    assert jwt.get_unverified_header(pair.access) == {"alg": "HS256", "typ": "JWT"}
    assert access["exp"] - clock.now().timestamp() <= 10 * 60


@pytest.mark.parametrize("state", [{"is_active": False}, {"token_version": 1}])
def test_tokens_of_a_disabled_account_stop_at_once(api: ApiClient, pair: TokenPair, state: dict[str, Any]) -> None:
    header = {"Authorization": f"Bearer {pair.access}"}
    assert api.get("auth/profile/", **header).status_code == 200
    User.objects.filter(pk=pair.user.pk).update(**state)
    assert api.get("auth/profile/", **header).status_code == 401
    assert api.post("auth/refresh/", {"refresh": pair.refresh}).status_code == 401


def test_tokens_of_a_deleted_account_stop_at_once(api: ApiClient, pair: TokenPair) -> None:
    User.objects.all().delete()
    assert api.get("auth/profile/", Authorization=f"Bearer {pair.access}").status_code == 401
    assert api.post("auth/refresh/", {"refresh": pair.refresh}).status_code == 401


def test_a_role_taken_away_acts_at_once(api: ApiClient) -> None:
    admin = make_user(role="admin")
    pair = start_session(user=admin, client=ClientInfo(ip_address=None), now=clock.now())
    header = {"Authorization": f"Bearer {pair.access}"}
    assert api.get("auth/profile/", **header).json()["role"] == "admin"
    User.objects.filter(pk=admin.pk).update(role="customer")
    assert api.get("auth/profile/", **header).json()["role"] == "customer"
