"""Commands are imported when they are called, and the list of them says what they say themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from cardfab.cli.late import Late, late_group
from cardfab.cli.main import COMMANDS, app, run


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says_of_itself(name: str) -> None:
    late = COMMANDS[name]
    assert late.load(name).get_short_help_str(1000) == late.help
    for inner, one in late.more.items():
        loaded = late.load(name)
        assert isinstance(loaded, typer.core.TyperGroup)
        assert loaded.commands[inner].name == inner
        assert one.load(inner).get_short_help_str(1000)


def test_the_list_names_every_command_and_imports_none_of_them() -> None:
    look = (
        "import sys, cardfab.cli.main as m; m.run(['--help']); "
        "print([one for one in sys.modules if one.startswith(('cardfab.station', 'cardfab.store', 'sqlalchemy'))])"
    )
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout
    for name in COMMANDS:
        assert f"\n  {name} " in said
    assert said.splitlines()[-1] == "[]"


def test_a_wrong_name_is_a_usage_error_that_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["crd"]) == 2
    assert "Did you mean 'card'?" in capsys.readouterr().err
    assert run(["keys", "pol"]) == 2


def test_commands_of_another_module_stand_in_the_group() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    keys = root.commands["keys"]
    assert isinstance(keys, typer.core.TyperGroup)
    assert {"list", "issuer", "pool"} <= set(keys.commands)
    assert "nonsense" not in keys.commands
    with pytest.raises(KeyError):
        keys.commands["nonsense"]


def test_a_group_may_have_commands_of_its_own_beside_late_ones() -> None:
    here = typer.Typer(cls=late_group({"bench": Late("bench:app", "Benchmarks.")}), rich_markup_mode=None)
    here.command("own")(lambda: None)
    here.callback()(lambda: None)
    root = typer.main.get_group(here)
    assert list(root.commands) == ["own", "bench"]
    root.commands["own"] = root.commands["bench"]
    del root.commands["bench"]
    assert list(root.commands) == ["own"]
    assert len(root.commands) == 1
