"""What the module promises to readers and type checkers."""

from __future__ import annotations

import ast
import doctest
import inspect
from pathlib import Path

import gridgate
from gridgate import _native

PACKAGE = Path(gridgate.__file__).parent


def stubs() -> ast.Module:
    return ast.parse((PACKAGE / "_native.pyi").read_text())


def public(names: object) -> set[str]:
    return {name for name in dir(names) if not name.startswith("_")}


def signature(native: object, node: ast.FunctionDef) -> None:
    """A function takes what its stub says."""
    assert callable(native)
    found = [parameter for parameter in inspect.signature(native).parameters.values() if parameter.name != "self"]
    keywords = [parameter.name for parameter in found if parameter.kind is parameter.KEYWORD_ONLY]
    others = [parameter.name for parameter in found if parameter.kind is not parameter.KEYWORD_ONLY]
    assert [argument.arg for argument in node.args.args if argument.arg != "self"] == others, node.name
    assert [argument.arg for argument in node.args.kwonlyargs] == keywords, node.name
    defaults = [parameter.default for parameter in found if parameter.default is not parameter.empty]
    written = [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
    assert [ast.literal_eval(default) for default in written] == defaults, node.name


def test_the_stubs_are_the_module() -> None:
    promised: set[str] = set()
    for node in stubs().body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            promised.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = {member.name for member in node.body if isinstance(member, ast.FunctionDef)}
            native = getattr(_native, node.name)
            assert {name for name in members if not name.startswith("_")} == public(native), node.name
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.args.kwonlyargs:
                    signature(getattr(native, member.name), member)
        if isinstance(node, ast.FunctionDef):
            signature(getattr(_native, node.name), node)
    assert promised == public(_native)


def test_everything_public_is_exported_and_documented() -> None:
    assert public(_native) <= set(gridgate.__all__)
    assert all(hasattr(gridgate, name) for name in gridgate.__all__)
    for name in public(_native) | {"Controller", "Error"}:
        thing = getattr(gridgate, name)
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing) and thing.__module__ == "gridgate":
            for member in public(thing):
                assert inspect.getdoc(getattr(thing, member)), f"{name}.{member}"


def test_the_version_is_that_of_the_workspace() -> None:
    manifest = (Path(__file__).parents[2] / "Cargo.toml").read_text()
    assert f'version = "{gridgate.__version__}"' in manifest


def test_the_example_runs() -> None:
    assert doctest.testmod(gridgate) == (0, doctest.testmod(gridgate).attempted)
    assert doctest.testmod(gridgate).attempted > 0
