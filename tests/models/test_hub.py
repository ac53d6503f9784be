"""What a plan reads of a model on the hub before it is downloaded: from a small hub of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dreambench.models.families.sdxl import StableDiffusionXL
from dreambench.runs.memory import shapes_of
from tests.material.tiny_families import build_family

REPOSITORY = "someone/tiny-sdxl"
CODE = """
import json, sys
from dreambench.models.hub import remote_shapes
from dreambench.spec.run_spec import BaseSpec
print(json.dumps(remote_shapes(BaseSpec(model=sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, list[str]]]:
    """A server with the hub's addresses for one repository; returns its own, the folder, and what it sent."""
    folder = build_family("sdxl", tmp_path_factory.mktemp("hub") / "sdxl")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copyfile(weights, weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    sent: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path.startswith(f"/api/models/{REPOSITORY}"):
                files = [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]
                answer = {"id": REPOSITORY, "siblings": [{"rfilename": file} for file in files]}
                self.answer(json.dumps(answer).encode())
            elif path.startswith(f"/{REPOSITORY}/resolve/main/"):
                name = path.removeprefix(f"/{REPOSITORY}/resolve/main/")
                sent.append(name)
                content = (folder / name).read_bytes()
                asked = self.headers.get("range", "").removeprefix("bytes=").split("-")
                self.answer(content[int(asked[0]) : int(asked[1]) + 1] if len(asked) == 2 else content)
            else:
                self.send_error(404)

        def answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder, sent
    server.shutdown()


def asked(address: str, model: str, cache: Path) -> object:
    """Return what a process says that takes the server for the hub."""
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, model], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_headers_of_a_model_on_the_hub_say_its_shapes(hub, tmp_path) -> None:
    address, folder, sent = hub
    found = asked(address, REPOSITORY, tmp_path / "cache")
    assert found is not None
    pipeline, shapes = found
    assert pipeline == "StableDiffusionXLPipeline"
    here = shapes_of(folder, StableDiffusionXL())
    ours = {name: {k: list(shape) for k, shape in part.items()} for name, part in here.items()}
    assert {name: shapes[name] for name in ours} == ours
    assert not any("fp16" in name for name in sent)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))  # nothing is kept


def test_a_hub_that_is_not_there_says_nothing(tmp_path) -> None:
    assert asked("http://127.0.0.1:9", REPOSITORY, tmp_path / "cache") is None
