"""The documentation site: Sphinx reads the Markdown of the repository where it lies (`python -m docs.make.site`)."""

project = "entromax"
html_title = "entromax"
root_doc = "docs/index"
include_patterns = ["docs/**.md", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
include_patterns += [f"{folder}/README.md" for folder in ("benchmarks", "config", "data", "profiles")]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxarg.ext"]
myst_heading_anchors = 3  # as GitHub makes them, so that links lead to the same place there and here
suppress_warnings = ["myst.header", "myst.domains"]
highlight_language = "none"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False

html_theme = "furo"  # no font, script or style from elsewhere: the site and its search work from the disk
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_show_search_summary = False  # a browser lets no page read others from the disk
