"""Uploads, by huggingface_hub's own code, to a hub on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasktune.errors import UserError
from tasktune.sharing import push
from tests.sharing.hub import hub
from tests.workshop import Workshop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    exported = tmp_path / "exported"
    (exported / "task").mkdir(parents=True)
    (exported / "README.md").write_text("---\nlibrary_name: peft\n---\n\n# whole\n")
    (exported / "task" / "adapter_model.safetensors").write_bytes(bytes(range(256)))
    return exported


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def use(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", address)
    monkeypatch.setenv("HF_TOKEN", "hf_test")


@pytest.mark.parametrize("public", [False, True])
def test_the_folder_arrives_byte_for_byte(
    folder: Path, monkeypatch: pytest.MonkeyPatch, public: bool
) -> None:
    with hub() as asked:
        use(monkeypatch, asked.address)
        push(folder, "me/mine", public=public)
    assert asked.files == contents(folder)
    assert asked.made["name"] == "mine"
    assert (asked.made.get("private") or asked.made.get("visibility") == "private") is not public
    assert "Bearer hf_test" in asked.tokens


def test_the_command_uploads_what_it_wrote(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workshop.train()
    with hub() as asked:
        use(monkeypatch, asked.address)
        code, _, error = workshop.tasktune("export", str(run), "--push", "me/mine")
    assert (code, f"uploaded: {asked.address}/me/mine" in error) == (0, True), error
    assert asked.files == contents(run / "adapters")
    assert {"README.md", "colour/README.md", "heads.safetensors"} <= set(asked.files)
    assert workshop.tasktune("train", str(run), "--resume")[0] == 0
    assert not list((run / "adapters").rglob("README.md")), "cards of the weights before"


@pytest.mark.parametrize(("status", "said"), [(401, "valid token"), (403, "may not write"),
                                              (500, "answers 500")])  # fmt: skip
def test_a_hub_that_refuses(
    folder: Path, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    with hub(status) as asked:
        use(monkeypatch, asked.address)
        with pytest.raises(UserError, match=said) as raised:
            push(folder, "me/mine")
    assert "\n" not in str(raised.value)


def test_a_hub_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub() as asked:
        pass
    use(monkeypatch, asked.address)
    with pytest.raises(UserError, match="cannot reach the hub"):
        push(folder, "me/mine")


def test_an_id_that_is_none(folder: Path) -> None:
    with pytest.raises(UserError, match="is no id of a repository"):
        push(folder, "me/my repository")
