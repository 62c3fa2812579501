"""The pages beside the FHIR service."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

import fhirhub
from fhirhub.http.metrics import RequestMetrics
from tests.http.conftest import PROJECT, Echo, running


def _get(url: str) -> requests.Response:
    return requests.get(url, timeout=20)


def test_start_page_links_to_the_rest(echo: Echo) -> None:
    facts = _get(f"{echo.root}/").json()
    assert (facts["name"], facts["fhirVersion"]) == ("fhirhub", "4.0.1")
    assert facts["links"]["fhir"] == echo.base
    assert facts["links"]["capabilities"] == f"{echo.base}/metadata"
    for name in ("health", "ready", "metrics", "openapi.json"):
        assert _get(facts["links"][name]).status_code == 200


def test_health_says_it_is_up(echo: Echo) -> None:
    answer = _get(f"{echo.root}/health")
    assert answer.json() == {"status": "up", "version": fhirhub.__version__}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"]


def test_ready_follows_the_probe_and_health_does_not(tmp_path: Path) -> None:
    marker = tmp_path / "not-ready"
    with running(tmp_path, ECHO_NOT_READY=str(marker)) as echo:
        assert _get(f"{echo.root}/ready").json()["status"] == "ready"
        marker.touch()
        answer = _get(f"{echo.root}/ready")
        assert answer.status_code == 503
        assert answer.json() == {"status": "not ready", "reason": "the database is away"}
        assert int(answer.headers["Retry-After"]) > 0
        assert _get(f"{echo.root}/health").json()["status"] == "up"
        marker.unlink()
        assert _get(f"{echo.root}/ready").status_code == 200


def test_openapi_comes_from_the_callable(echo: Echo) -> None:
    answer = _get(f"{echo.root}/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/health", 405)])
def test_page_unknown_is_answered_as_json(echo: Echo, method: str, path: str, status: int) -> None:
    answer = requests.request(method, f"{echo.root}{path}", timeout=20)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    if status == 405:
        assert "GET" in answer.headers["Allow"]


def test_metrics_sum_all_workers_and_name_no_client_text(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as echo:
        pids: list[str] = []
        with ThreadPoolExecutor(8) as pool:
            while len(set(pids)) < 2:
                pids += pool.map(lambda _: echo.ask("GET", "/Basic/worker").json()["id"], range(16))
        echo.ask("GET", "/Broken/secret-id")
        echo.ask("GET", "/Broken")
        echo.ask("BREW", "/Patient/1")
        text = _get(f"{echo.root}/metrics").text
    read, many = 'fhirhub_requests_total{method="GET",route="/{type}/{id}"', float(len(pids) + 1)
    assert f'{read},status="200"}} {many}' in text
    assert 'fhirhub_requests_total{method="GET",route="/{type}",status="500"} 1.0' in text
    assert 'fhirhub_requests_total{method="other",route="/{type}/{id}",status="405"} 1.0' in text
    assert f"{read.replace('requests_total', 'request_seconds_count')}}} {many}" in text
    assert f'fhirhub_request_seconds_bucket{{le="+Inf",{read.partition("{")[2]}}} {many}' in text
    assert "fhirhub_requests_in_flight 0.0" in text
    assert re.search(r"^process_resident_memory_bytes [1-9]", text, re.MULTILINE)
    assert "secret-id" not in text
    assert "BREW" not in text


def test_metrics_of_a_dead_worker_count_but_not_as_in_flight(tmp_path: Path) -> None:
    program = f"""
import pathlib
from fhirhub.http.metrics import RequestMetrics
metrics = RequestMetrics(pathlib.Path({str(tmp_path)!r}))
metrics.started(); metrics.finished("GET", "/metadata", 200, 0.5)
metrics.started()
"""
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True)
    survivor = RequestMetrics(tmp_path)
    survivor.started()
    text = survivor.exposition().decode()
    assert "fhirhub_requests_in_flight 1.0" in text
    assert 'fhirhub_requests_total{method="GET",route="/metadata",status="200"} 1.0' in text
    assert 'fhirhub_request_seconds_bucket{le="0.25",method="GET",route="/metadata"} 0.0' in text
    assert 'fhirhub_request_seconds_bucket{le="0.5",method="GET",route="/metadata"} 1.0' in text
    assert 'fhirhub_request_seconds_sum{method="GET",route="/metadata"} 0.5' in text


def test_metrics_count_what_is_in_flight(echo: Echo) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(echo.ask, "GET", "/Basic/slow")
        seen = {_get(f"{echo.root}/metrics").text.partition("\nfhirhub_requests_in_flight ")[2][:3] for _ in range(50)}
        assert "1.0" in seen
        assert slow.result().json()["id"] == "slow"
