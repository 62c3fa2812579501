"""The README's requests, run as printed against `fhirhub demo`; the answers are compared with those printed."""

import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

README = Path(__file__).parents[2] / "README.md"
PRINTED = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base of a running demo with the first few people of the population."""
    folder = tmp_path_factory.mktemp("demo")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "fhirhub", "demo", "--port", str(port), "--data", str(folder), "--patients", "3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("Try in another terminal"):
                break
        else:
            raise AssertionError("the demo ended")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _examples() -> list[tuple[str, str]]:
    """Return the commands of all console blocks with what they print."""
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(), re.S)
    return [(command, output) for block in blocks for command, output in re.findall(r"^\$ (.+)\n([^$]*)", block, re.M)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl, which the README uses, is not installed")
@pytest.mark.timeout(180)
def test_readme_requests_answer_as_printed(demo: str) -> None:
    examples = _examples()
    assert len(examples) >= 10
    for command, printed in examples:
        arguments = shlex.split(command.replace(PRINTED, demo))
        assert arguments[0] == "curl"
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True)
        output = done.stdout.replace(demo, PRINTED).strip()
        pattern = ".*?".join(re.escape(part) for part in printed.strip().split("…"))
        assert re.fullmatch(pattern, output, re.S), f"{command}\nprinted:\n{printed}\nanswered:\n{output}"
