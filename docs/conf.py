"""How the documentation is built: `sphinx-build --fail-on-warning docs docs/_build`, with the extra `docs`."""

from importlib.metadata import version as version_of

project = "llm-persona"
release = version = version_of("llm-persona")
copyright = "the llm-persona contributors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
html_theme = "furo"
html_title = "llm-persona"
html_show_sphinx = False
html_copy_source = False
