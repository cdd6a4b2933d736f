"""What mkdocs builds beside the pages in ``docs/``: reference, methods, commands, configuration.

The pages are made out of the program at each build, and none is kept in the repository.
"""

from __future__ import annotations

from command_page import command_page
from configuration_page import configuration_page
from methods_page import methods_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from reference_pages import reference_pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages to those that were found."""
    pages = {
        "methods.md": methods_page(),
        "command-line.md": command_page(),
        "configuration.md": configuration_page(),
        **reference_pages(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files
