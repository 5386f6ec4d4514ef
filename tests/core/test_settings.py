"""Settings: read as a whole, told line by line, and silent about secrets."""

import re

import pytest

from wealist.core.environment import from_env
from wealist.core.settings import Secret, Settings, SettingsError, variables

PRODUCTION = {
    "ENV": "prod",
    "DATABASE_URL": "postgresql://u:hunter2@db/wealist",
    "JWT_RSA_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----",
    "WEALIST_PUBLIC_URL": "https://wealist.example.com",
    "INTERNAL_API_KEY": "sixteen characters",
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
        ({"INTERNAL_API_KEY": ""}, "INTERNAL_API_KEY"),
        ({"WEALIST_PUSH_PRIVATE_ADDRESSES": "true"}, "WEALIST_PUSH_PRIVATE_ADDRESSES"),
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


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: must be one of debug, info, warn, error"),
        ({"ENV": "production"}, "ENV: must be one of dev, prod"),
        ({"WEALIST_PORT": "abc"}, "WEALIST_PORT: must be a whole number"),
        ({"ENABLE_TEST_AUTH": "maybe"}, "ENABLE_TEST_AUTH: must be true or false"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL: must begin with postgresql://"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL: must begin with redis://"),
        ({"WEALIST_PUBLIC_URL": "http://[bad"}, "WEALIST_PUBLIC_URL: not an http(s) address"),
        ({"WEALIST_PUBLIC_URL": "http:host"}, "WEALIST_PUBLIC_URL: not an http(s) address"),
        ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS: name each origin"),
        ({"OIDC_CLIENT_ID": "x"}, "OIDC_ISSUER: OIDC_ISSUER and OIDC_CLIENT_ID need each other"),
        ({"SMTP_URL": "smtp://mail"}, "WEALIST_MAIL_FROM: required with SMTP_URL"),
        ({"WEALIST_MAIL_FROM": "me"}, "WEALIST_MAIL_FROM: must be an address or `Name <address>`"),
        ({"WEALIST_MAIL_FROM": "a@b\nBcc: c@d"}, "WEALIST_MAIL_FROM: must be an address"),
        (
            {"WEALIST_VAPID_PRIVATE_KEY": "x", "WEALIST_VAPID_SUBJECT": "mailto:a@b"},
            "WEALIST_VAPID_PRIVATE_KEY: must be a P-256 private key",
        ),
        (
            {"WEALIST_VAPID_PRIVATE_KEY": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"},
            "WEALIST_VAPID_SUBJECT: required with WEALIST_VAPID_PRIVATE_KEY",
        ),
        ({"WEALIST_VAPID_SUBJECT": "me"}, "WEALIST_VAPID_SUBJECT: must begin with mailto:"),
    ],
)
def test_a_mistake_is_told_in_words(given: dict[str, str], line: str) -> None:
    (told,) = problems(given)
    assert told.startswith(line)


def test_words_are_read_in_any_case() -> None:
    settings = from_env({"LOG_LEVEL": "WARN", "ENV": "Dev"})
    assert (settings.log_level, settings.env) == ("warn", "dev")


def test_connections_may_be_given_as_the_seven_services_took_them() -> None:
    settings = from_env(
        {
            "DB_HOST": "db",
            "DB_USER": "we alist",
            "DB_PASSWORD": "p@ss/word",
            "DB_NAME": "boards",
            "DB_SSLMODE": "disable",
            "DB_AUTO_MIGRATE": "false",
            "SPRING_REDIS_HOST": "cache",
            "SPRING_REDIS_PASSWORD": "NONE",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://otel:4318/v1/traces",
            "OTEL_TRACING_ENABLED": "false",
        }
    )
    assert settings.database_url is not None
    assert settings.redis_url is not None
    assert (
        settings.database_url.reveal()
        == "postgresql://we%20alist:p%40ss%2Fword@db:5432/boards?sslmode=disable"
    )
    assert settings.redis_url.reveal() == "redis://cache:6379/0"
    assert settings.otlp_endpoint == "http://otel:4318"
    assert settings.otel_disabled
    assert not settings.migrates_on_start


def test_a_variable_of_ours_wins_over_an_older_one() -> None:
    settings = from_env({"DB_HOST": "old", "DATABASE_URL": "postgresql://new/x"})
    assert settings.database_url is not None
    assert settings.database_url.reveal() == "postgresql://new/x"


def test_test_tokens_are_never_the_systems() -> None:
    (line,) = problems(
        {
            "ENABLE_TEST_AUTH": "true",
            "TEST_AUTH_USER_ID": "00000000-0000-0000-0000-000000000001",
        }
    )
    assert line.startswith("TEST_AUTH_USER_ID: ")
