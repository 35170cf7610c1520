"""What a set-up shows while it goes on."""

import io

from bootstrap.progress import Progress


def test_a_log_gets_one_plain_line_per_change_with_the_seconds():
    now, stream = [100.0], io.StringIO()
    with Progress(stream, lambda: now[0]) as progress:
        say = progress.part("pjsua2")
        say("compiling")
        now[0] = 142.0
        progress.finish("pjsua2", "ready")
    assert stream.getvalue().splitlines() == ["[   0 s] pjsua2: compiling", "[  42 s] pjsua2: ready"]
