"""Models on the hub, read and refused before they are downloaded: from a small hub of the test's own."""

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
from tests.material.tiny import build_pipeline
from tests.material.tiny_families import build_family

REPOSITORY = "someone/tiny-sdxl"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FETCHED = """
import sys
from dreambench.errors import DreambenchError
from dreambench.models.hub import fetch
from dreambench.spec.run_spec import BaseSpec
try:
    fetch(BaseSpec(model=sys.argv[1], variant=sys.argv[2] or None))
except DreambenchError as error:
    print(error)
"""
CODE = """
import json, sys
from dreambench.models.hub import remote_shapes
from dreambench.spec.run_spec import BaseSpec
print(json.dumps(remote_shapes(BaseSpec(model=sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, list[str]]]:
    """A server with the hub's addresses for one repository; returns its own, the folder, and what it sent."""
    root = tmp_path_factory.mktemp("hub")
    folder = build_family("sdxl", root / REPOSITORY)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copyfile(weights, weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    with_checker = build_pipeline(root / "someone" / "with-checker")
    index = with_checker / "model_index.json"
    checker = {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    index.write_text(json.dumps(json.loads(index.read_text()) | checker))
    (with_checker / "safety_checker").mkdir()
    (with_checker / "safety_checker" / "model.safetensors").write_bytes(b"a gigabyte")
    for name in ("another-kind/model_index.json", "adapters/pytorch_lora_weights.safetensors"):
        file = root / "someone" / name
        file.parent.mkdir()
        file.write_text('{"_class_name": "KandinskyPipeline"}')
    sent: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.split("?")[0].removeprefix("/api/models").strip("/")
            here = root.joinpath(*path.split("/")[:2])
            name = "/".join(path.split("/")[4:])  # OWNER/NAME/resolve/REVISION/FILE
            if not here.is_dir():
                self.refuse("RepoNotFound")
            elif self.path.startswith("/api/models/"):
                files = {str(f.relative_to(here)): f.stat().st_size for f in here.rglob("*") if f.is_file()}
                siblings = [{"rfilename": file} for file in files]
                tree = [{"type": "file", "path": f, "size": size, "oid": "1"} for f, size in files.items()]
                about = {"id": path, "sha": COMMIT, "siblings": siblings}
                self.answer(json.dumps(tree if "tree/" in path else about).encode())
            elif not (here / name).is_file():
                self.refuse("EntryNotFound")
            else:
                sent.append(name)
                content = (here / name).read_bytes()
                asked = self.headers.get("range", "").removeprefix("bytes=").split("-")
                self.answer(content[int(asked[0]) : int(asked[1]) + 1] if len(asked) == 2 else content)

        def answer(self, content: bytes) -> None:
            self.send_response(200)
            for name, value in (("content-length", len(content)), ("x-repo-commit", COMMIT), ("etag", "'1'")):
                self.send_header(name, str(value))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def refuse(self, kind: str) -> None:
            self.send_response(404)
            for name, value in (("content-length", "0"), ("x-error-code", kind)):
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder, sent
    server.shutdown()


def said(address: str, cache: Path, code: str, *arguments: str) -> str:
    """Return what a process says that takes the server for the hub."""
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(address: str, model: str, cache: Path) -> object:
    """Return the shapes that a process reads of a model on the hub."""
    return json.loads(said(address, cache, CODE, model))


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


@pytest.mark.parametrize(
    ("model", "variant", "line"),
    [
        ("someone/another-kind", "", "someone/another-kind: KandinskyPipeline is not supported; supported: "),
        ("someone/adapters", "", "someone/adapters has no model_index.json, so it is not a base model"),
        ("someone/nothing", "", "base model someone/nothing does not exist on the hub, or is private"),
        (
            REPOSITORY,
            "bf16",
            f"base model {REPOSITORY} has no complete safetensors weights of the variant bf16",
        ),
    ],
)
def test_what_is_not_a_base_model_is_refused_before_it_is_downloaded(hub, tmp_path, model, variant, line):
    address, _, sent = hub
    sent.clear()
    assert said(address, tmp_path / "cache", FETCHED, model, variant).startswith(line)
    assert not any(name.endswith(".safetensors") for name in sent)


def test_a_safety_checker_is_not_downloaded(hub, tmp_path):
    address, _, sent = hub
    sent.clear()
    assert said(address, tmp_path / "cache", FETCHED, "someone/with-checker", "") == ""
    assert {name.split("/")[0] for name in sent if name.endswith(".safetensors")} == {
        "unet", "vae", "text_encoder"
    }  # fmt: skip


def test_an_encoder_that_the_hub_has_as_a_pickle_only_is_not_said_to_be_out_of_reach(hub, tmp_path):
    code = """
from dreambench.errors import DreambenchError
from dreambench.models.encoders.downloads import HubFile
try:
    HubFile("someone/adapters", "model.safetensors", "protocol.dino.weights", "--set A=FILE").fetch()
except DreambenchError as error:
    print(error)
"""
    line = said(hub[0], tmp_path / "cache", code)
    assert line.startswith("protocol.dino.weights: someone/adapters has no model.safetensors on the hub")
