"""The command line, as a person types it."""

import json
from pathlib import Path

import pytest

from tests.platform.processes import Finished, environment, serving, wealist
from wealist import cli


async def run(*arguments: str, data_dir: Path, **variables: str) -> Finished:
    return await wealist(*arguments, env=environment(WEALIST_DATA_DIR=data_dir, **variables))


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"], {})
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("weAlist ")


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([], {})
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_every_wrong_setting_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"WEALIST_PROT": "1", "RATE_LIMIT_BURST": "many", "S3_BUCKET": "b"}
    assert cli.main(["serve", "--port", "99999"], environ) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    for name in ("WEALIST_PORT", "RATE_LIMIT_BURST", "WEALIST_PROT", "S3_ACCESS_KEY"):
        assert any(name in line for line in lines), name


def test_a_flag_wins_over_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--host", "h", "--port", "x"], {"WEALIST_PORT": "8080"}) == 2
    assert "'x'" in capsys.readouterr().err


async def test_routes_come_as_json_without_database_or_network(tmp_path: Path) -> None:
    found = await run(
        "routes",
        "--json",
        data_dir=tmp_path / "never made",
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
        REDIS_URL="redis://127.0.0.1:1",
    )
    assert found.status == 0, found.err
    routes = json.loads(found.out)
    assert {"method": "GET", "path": "/svc/user/health/ready"} in routes
    assert {"method": "GET", "path": "/svc/auth/actuator/metrics/{name}"} in routes
    assert {"method": "GET", "path": "/svc/user/metrics"} in routes, "the internal port's too"
    assert all(set(route) == {"method", "path"} for route in routes)
    assert not any(route["method"] == "OPTIONS" for route in routes)
    assert not any(":" in route["path"] for route in routes)
    assert not (tmp_path / "never made").exists()


async def test_routes_are_a_table_for_people(tmp_path: Path) -> None:
    found = await run("routes", data_dir=tmp_path)
    lines = found.out.splitlines()
    assert any(line.split() == ["GET", "/svc/user/health/live", "public"] for line in lines)


async def test_migrate_brings_an_empty_database_to_head_and_then_has_nothing_to_do(
    tmp_path: Path,
) -> None:
    first = await run("migrate", data_dir=tmp_path)
    assert first.status == 0, first.err
    assert "migrations ran" in first.err
    second = await run("migrate", data_dir=tmp_path)
    assert second.status == 0
    assert "up to date" in second.err


async def test_jobs_are_listed_with_their_periods(tmp_path: Path) -> None:
    found = await run("jobs", "list", data_dir=tmp_path)
    assert found.status == 0, found.err
    assert "core.objects" in found.out
    assert "every" in found.out


async def test_an_unknown_job_is_one_line_that_names_the_others(tmp_path: Path) -> None:
    found = await run("jobs", "run", "nonsense", data_dir=tmp_path / "never made")
    assert found.status == 1
    assert len(found.complaints) == 1
    assert "core.objects" in found.err
    assert not (tmp_path / "never made").exists()


async def test_a_job_runs_and_doctor_is_content_beside_a_running_server(tmp_path: Path) -> None:
    async with serving(env=environment(WEALIST_DATA_DIR=tmp_path)) as server:
        job = await run("jobs", "run", "core.objects", data_dir=tmp_path)
        assert job.status == 0, job.err
        port = server.url.rpartition(":")[2]
        doctor = await run("doctor", "--port", port, data_dir=tmp_path)
        assert doctor.status == 0, doctor.out + doctor.err
        assert "✗" not in doctor.out
        assert "read it back" in doctor.out
        assert await server.stop() == 0
