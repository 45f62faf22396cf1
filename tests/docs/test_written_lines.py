"""Command lines and imports that README and docs tell are ones that halopaint has."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import typer

from halokeras.commands.app import app

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")), *(TOP / "params").glob("*.md")]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES).replace("\\\n", " ")


def command_lines():
    """Words of the command lines, those in blocks of shell and those within sentences."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))
    lines = re.findall(r"^\s*(halopaint [a-z].*)$", blocks, re.MULTILINE)
    lines += re.findall(r"`(halopaint [a-z][^`\n]*)`", TEXT)
    return [
        shlex.split(re.split(r"[|>&;]", line)[0], comments=True) for line in dict.fromkeys(lines)
    ]


def test_a_command_line_names_commands_and_options_that_exist():
    lines = command_lines()
    assert len(lines) > 60
    for words in lines:
        command, left = typer.main.get_command(app), words[1:]
        while left and hasattr(command, "commands") and not left[0].startswith("-"):
            assert left[0] in command.commands, words
            command = command.commands[left.pop(0)]
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        known |= {"--help", "--quiet", "--verbose", "-q", "-v"}  # which go anywhere
        told = {word.split("=")[0] for word in left if re.match("--?[a-z]", word)}
        assert told <= known, words


def test_an_import_finds_its_name_where_it_is_defined():
    lines = re.findall(r"^\s*from (halokeras[\w.]*) import ([\w, ]+)$", TEXT, re.MULTILINE)
    assert len(lines) > 1
    for module, names in lines:
        for name in names.split(","):
            found = getattr(import_module(module), name.strip())
            assert getattr(found, "__module__", module) == module, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_page_or_a_figure_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
