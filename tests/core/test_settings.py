"""Settings: read as a whole, told line by line, and silent about secrets."""

import re

import pytest

from wealist.core.settings import Secret, Settings, SettingsError, from_env, variables

PRODUCTION = {
    "ENV": "prod",
    "DATABASE_URL": "postgresql://u:hunter2@db/wealist",
    "JWT_RSA_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----",
    "WEALIST_PUBLIC_URL": "https://wealist.example.com",
}


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        from_env(environ)
    return caught.value.problems


def test_without_any_variable_there_are_defaults_for_a_laptop() -> None:
    settings = from_env({})
    assert settings == Settings()
    assert not settings.production
    assert not settings.limits_on
    assert settings.migrates_on_start
    assert settings.base_url == "http://localhost:8080"


def test_production_limits_calls_and_leaves_migrating_to_the_operator() -> None:
    settings = from_env(PRODUCTION)
    assert settings.limits_on
    assert not settings.migrates_on_start
    assert settings.base_url == "https://wealist.example.com"


def test_an_empty_variable_is_unset() -> None:
    assert from_env({"WEALIST_PORT": " ", "REDIS_URL": ""}) == Settings()


@pytest.mark.parametrize("yes", ["true", "TRUE", "1", "yes", "on"])
@pytest.mark.parametrize("no", ["false", "0", "no", "Off"])
def test_flags_have_several_spellings(yes: str, no: str) -> None:
    assert from_env({"ENABLE_TEST_AUTH": yes}).enable_test_auth
    assert not from_env({"ENABLE_TEST_AUTH": no}).enable_test_auth


def test_every_mistake_gets_a_line_that_names_its_variable() -> None:
    found = problems(
        {
            "WEALIST_PORT": "http",
            "WEALIST_DATABASE_POOL": "1",
            "ENV": "staging",
            "ENABLE_TEST_AUTH": "maybe",
            "TEST_AUTH_USER_ID": "me",
            "WEALIST_PRT": "1",
            "CORS_ORIGINS": "https://a.example.com, b.example.com",
            "OIDC_ISSUER": "https://id.example.com",
        }
    )
    named = [line.split(":")[0] for line in found]
    assert sorted(named) == sorted(
        [
            "WEALIST_PORT",
            "WEALIST_DATABASE_POOL",
            "ENV",
            "ENABLE_TEST_AUTH",
            "TEST_AUTH_USER_ID",
            "WEALIST_PRT",
            "CORS_ORIGINS",
            "OIDC_CLIENT_ID",
        ]
    )
    assert all("\n" not in line for line in found)
    assert any("did you mean WEALIST_PORT?" in line for line in found)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"ENABLE_TEST_AUTH": "true"}, "ENABLE_TEST_AUTH"),
        ({"JWT_RSA_PRIVATE_KEY": ""}, "JWT_RSA_PRIVATE_KEY"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"WEALIST_PUBLIC_URL": ""}, "WEALIST_PUBLIC_URL"),
        ({"INTERNAL_API_KEY": "internal-secret-key"}, "INTERNAL_API_KEY"),
        ({"INTERNAL_API_KEY": "short"}, "INTERNAL_API_KEY"),
    ],
)
def test_production_refuses_what_is_fit_for_a_laptop_only(
    change: dict[str, str], name: str
) -> None:
    (line,) = problems({**PRODUCTION, **change})
    assert line.startswith(f"{name}: ")


def test_secrets_never_show_themselves() -> None:
    settings = from_env({**PRODUCTION, "REDIS_URL": "redis://:swordfish@r"})
    for text in (repr(settings), str(settings), f"{settings}", f"{settings.redis_url}"):
        assert "hunter2" not in text
        assert "swordfish" not in text
    assert settings.redis_url is not None
    assert settings.redis_url.reveal() == "redis://:swordfish@r"
    assert type(settings.redis_url.reveal()) is str
    assert repr(Secret("")) == ""


def test_every_setting_is_documented_and_named_once() -> None:
    found = list(variables())
    assert len({variable.name for variable in found}) == len(found)
    for variable in found:
        assert re.fullmatch(r"[A-Z][A-Z0-9_]+", variable.name)
        assert variable.text.endswith("."), variable.name
        assert variable.shown_default is not None
