"""An exported folder onto the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
)

from tasktune.errors import UserError


def push(folder: Path, repository: str, *, public: bool = False) -> str:
    """Makes the repository where it is absent and uploads the folder as it is.

    :param repository: its id, ``NAME`` or ``OWNER/NAME``.
    :param public: whether others see a new one.
    :returns: its address.
    :raises UserError: if the hub can't be reached, or refuses.
    """
    api = HfApi()
    try:
        made = api.create_repo(repository, private=not public, exist_ok=True)
        api.upload_folder(
            repo_id=made.repo_id, folder_path=folder, commit_message="Upload from Tasktune"
        )
    except HFValidationError:
        raise UserError(f"--push: '{repository}' is no id of a repository; OWNER/NAME is") from None
    except LocalTokenNotFoundError:
        raise UserError(
            "--push: there is no token of the hub; hf auth login, or HF_TOKEN"
        ) from None
    except OfflineModeIsEnabled:
        raise UserError("--push: HF_HUB_OFFLINE is set") from None
    except HfHubHTTPError as error:
        raise UserError(refusal(repository, error)) from None
    except (httpx2.HTTPError, OSError) as error:
        reason = str(error).split("\n")[0] or type(error).__name__
        raise UserError(f"--push: cannot reach the hub ({reason}); {folder} is written") from None
    return str(made)


def refusal(repository: str, error: HfHubHTTPError) -> str:
    """The hub's answer in a line."""
    status = error.response.status_code
    if status == 401:
        return "--push: the hub knows no valid token of yours; hf auth login, or HF_TOKEN"
    if status == 403:
        return f"--push: your token may not write to {repository}"
    reason = (error.server_message or str(error)).split("\n")[0]
    return f"--push: the hub answers {status} for {repository}: {reason}"
