"""Instances: what dead runs left is swept, what living ones have is not; secrets are not kept."""

import subprocess
import sys
from pathlib import Path, PurePosixPath

from simulators.pbx.instance import abandoned, create_instance, in_use

DOCUMENTATION = PurePosixPath("/usr/share/asterisk/documentation")
INSIDE = PurePosixPath("/srv")


def test_paths_inside_and_outside(tmp_path: Path):
    instance = create_instance(tmp_path / "memory", INSIDE, DOCUMENTATION)
    assert instance.layout.etc == PurePosixPath("/srv") / instance.path.name / "etc"
    assert instance.outside(instance.layout.etc) == instance.path / "etc"
    assert (instance.path / "spool" / "recordings").is_dir()
    instance.remove()
    instance.remove()
    assert not instance.path.exists()


def test_only_what_dead_runs_left_is_swept(tmp_path: Path):
    living = create_instance(tmp_path, INSIDE, DOCUMENTATION)
    killed = (
        "import os, signal, sys; from pathlib import Path, PurePosixPath;"
        "from simulators.pbx.instance import create_instance;"
        "create_instance(Path(sys.argv[1]), PurePosixPath('/srv'), PurePosixPath('/x'));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
    (dead,) = abandoned(tmp_path)
    assert dead != living.path
    assert in_use(living.path)
    another = create_instance(tmp_path, INSIDE, DOCUMENTATION)
    assert not dead.exists()
    assert living.path.exists()
    another.remove()
    living.remove()


def test_what_is_kept_has_no_secrets(tmp_path: Path):
    instance = create_instance(tmp_path / "pbx", INSIDE, DOCUMENTATION)
    (instance.path / "etc" / "pjsip.conf").write_text("password = s3cret\n")
    (instance.path / "log" / "messages.log").write_text("s3cret is known\n")
    instance.keep(tmp_path / "run", ("s3cret",))
    instance.remove()
    assert (tmp_path / "run" / "etc" / "pjsip.conf").read_text() == "password = ****\n"
    assert (tmp_path / "run" / "log" / "messages.log").read_text() == "**** is known\n"
