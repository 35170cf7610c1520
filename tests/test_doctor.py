"""What the doctor finds, and whether it says what to do."""

import contextlib
import json
import socket
import ssl
import threading
from pathlib import Path

import pytest

from harness.certificates import make_authority
from harness.errors import HarnessMisuse
from harness.target import RecordingAccess, RecordingsSection, Target, load_target
from simulators.trunk.profile import load_profile
from trunkproof.doctor import Check, doctor, exit_code, load, machine, network, phones, providers, recordings, render
from trunkproof.fitting import fitted

WELL = Check("this", True, "fine")
POOR = Check("that", None, "less than could be", "do better")
BAD = Check("other", False, "broken", "mend it")


@pytest.mark.parametrize(("checks", "code"), [([], 0), ([WELL], 0), ([WELL, POOR], 0), ([POOR, BAD], 2)])
def test_only_a_failed_check_makes_a_run_impossible(checks: list[Check], code: int):
    assert exit_code(checks) == code


def test_the_table_shows_every_finding_and_every_advice():
    text = render([WELL, POOR, BAD])
    for part in (
        "ok",
        "this",
        "fine",
        "warn",
        "→ do better",
        "FAIL",
        "broken",
        "→ mend it",
        "No run is possible",
    ):
        assert part in text
    assert "\x1b" not in text
    assert "A run is possible." in render([WELL, POOR])


def test_on_this_machine_everything_that_is_not_well_comes_with_advice():
    checks = doctor(load_target("reference"), bindings=[])
    names = [check.name for check in checks]
    assert {"Python", "pjsua2", "disk space", "reference PBX", "faketime"} <= set(names)
    assert all(check.advice for check in checks if check.ok is not True)


def test_the_probes_answer_is_found_among_log_lines():
    facts = {"version": "2.17", "codecs": ["opus/48000/2", "PCMU/8000/1"], "max_calls": 512}
    found = phones.read_answer(f"20:40 pjlib initialized\ntrunkproof-facts {json.dumps(facts)}\nbye\n")
    assert found == phones.Pjsua2("2.17", ("opus/48000/2", "PCMU/8000/1"), 512)
    assert all(check.ok for check in phones.judge(found))


def test_the_published_wheel_is_judged_usable_but_without_opus():
    facts = {"version": "2.15.1", "codecs": ["PCMU/8000/1"], "max_calls": None}
    found = phones.read_answer(f"trunkproof-facts {json.dumps(facts)}")
    checks = {check.name: check for check in phones.judge(found)}
    assert "4 calls" in checks["pjsua2"].detail
    assert checks["codecs"].ok is None
    assert "no Opus" in checks["codecs"].detail


def test_a_pjsua2_that_does_not_load_makes_a_run_impossible():
    assert exit_code(phones.judge("ModuleNotFoundError: No module named 'pjsua2'")) == 2
    assert exit_code(phones.judge(phones.read_answer("nothing"))) == 2


@pytest.mark.parametrize(
    ("found", "wanted", "chosen"),
    [
        ({"rootfs": True, "docker": True, "local": True}, "auto", "rootfs"),
        ({"rootfs": False, "docker": True, "local": True}, "auto", "docker"),
        ({"rootfs": False, "docker": False, "local": True}, "auto", "local"),
        ({"rootfs": True, "docker": True, "local": False}, "docker", "docker"),
        ({"rootfs": True, "docker": False, "local": False}, "docker", None),
        ({"rootfs": False, "docker": False, "local": False}, "auto", None),
    ],
)
def test_which_provider_a_run_takes(found: dict[str, bool], wanted: str, chosen: str | None):
    assert providers.choose(found, wanted) == chosen
    assert exit_code(providers.judge(found, wanted)) == (0 if chosen else 2)


def test_a_port_in_use_is_named_with_its_transport():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        check = network.addresses_free([network.Binding("127.0.0.1", port)])
        assert check.ok is False
        assert f"127.0.0.1:{port} over TCP is in use" in check.detail
    assert network.addresses_free([network.Binding("127.0.0.1", port)]).ok is True


def test_an_address_of_another_machine_is_named():
    check = network.addresses_free([network.Binding("192.0.2.1", 5060)])
    assert check.ok is False
    assert "192.0.2.1 is not an address of this machine" in check.detail


def test_the_reference_target_binds_trunk_phones_and_pbx():
    target = load_target("reference")
    bindings = network.bindings_of(target)
    assert network.Binding(target.pbx.host, 5060) in bindings
    assert {network.Binding(address, 5060) for address in target.trunk.addresses} <= set(bindings)
    assert {network.Binding(address, 0) for address in target.phones.addresses} <= set(bindings)


def external(port: int) -> Target:
    target = load_target("reference")
    pbx = target.pbx.model_copy(update={"adapter": "external", "host": "127.0.0.1", "port": port})
    trunk = target.trunk.model_copy(update={"addresses": ["127.0.0.1"]})
    return target.model_copy(update={"pbx": pbx, "trunk": trunk})


@pytest.mark.parametrize(
    ("answer", "ok", "detail"),
    [(b"SIP/2.0 200 OK\r\n\r\n", True, "'200 OK'"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "not SIP")],
)
def test_a_users_pbx_is_asked_by_options(answer: bytes, ok: bool, detail: str):
    requests: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind(("127.0.0.1", 0))

        def serve() -> None:
            request, peer = pbx.recvfrom(4096)
            requests.append(request)
            pbx.sendto(answer, peer)

        server = threading.Thread(target=serve)
        server.start()
        check = network.answers_sip(external(pbx.getsockname()[1]))
        server.join(5)
    assert check.ok is ok
    assert detail in check.detail
    assert requests[0].startswith(b"OPTIONS sip:127.0.0.1:")


def test_a_users_pbx_that_is_not_there_is_a_failure_with_advice():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    check = network.answers_sip(external(port))
    assert check.ok is False
    assert check.advice


def test_recordings_that_cannot_be_reached_are_a_warning_with_advice(tmp_path: Path):
    target = external(5060)
    assert recordings.recordings_reachable(target.model_copy(update={"recordings": RecordingsSection()})) is None
    for directory, ok, says in ((tmp_path, True, "0 can be listed at"), (tmp_path / "gone", None, "is not there")):
        section = RecordingsSection(access=RecordingAccess.DIRECTORY, directory=directory)
        check = recordings.recordings_reachable(target.model_copy(update={"recordings": section}))
        assert check is not None and check.ok is ok
        assert says in check.detail
        assert bool(check.advice) is (ok is None)


@pytest.mark.parametrize(
    ("name", "ok", "detail"),
    [("pbx.example", True, "'200 OK'"), ("other.example", False, "its certificate is not for 'pbx.example'")],
)
def test_a_users_pbx_over_tls(tmp_path: Path, name: str, ok: bool, detail: str):
    authority = make_authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    files = authority.issue(name, hosts=[name]).write(tmp_path, "pbx")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with socket.create_server(("127.0.0.1", 0)) as pbx:

        def serve() -> None:
            plain, _ = pbx.accept()
            with contextlib.suppress(ssl.SSLError), context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(4096)
                connection.sendall(b"SIP/2.0 200 OK\r\n\r\n")

        server = threading.Thread(target=serve)
        server.start()
        plain = external(pbx.getsockname()[1])
        over_tls = plain.pbx.model_copy(update={"transport": "tls", "hostname": "pbx.example"})
        trunk = plain.trunk.model_copy(update={"ca": tmp_path / "ca.pem"})
        check = network.answers_sip(plain.model_copy(update={"pbx": over_tls, "trunk": trunk}))
        server.join(5)
    assert check.ok is ok
    assert detail in check.detail


def test_a_profile_with_tls_only_needs_a_target_with_tls():
    with pytest.raises(HarnessMisuse, match=r"\[pbx\] transport is 'udp', and the trunk's profile 'meta-sdes' has TLS"):
        fitted(external(5060), load_profile("meta-sdes"))
    reference = fitted(load_target("reference"), load_profile("meta-sdes"))
    assert (reference.pbx.transport, reference.pbx.port, reference.trunk.port) == ("tls", 5061, 5061)
    assert fitted(load_target("reference"), load_profile("8x8")) == load_target("reference")


def test_a_declared_deviation_is_from_a_requirement_that_there_is():
    declared = load_target("reference").model_copy(update={"deviations": {"RFC4475-badver": "dropped"}})
    with pytest.raises(
        HarnessMisuse, match=r"\[deviations\] no requirement is called 'RFC4475-badver'.*'RFC4475-badvers'"
    ):
        fitted(declared, load_profile("8x8"))


def test_ice_needs_addresses_that_are_not_loopbacks():
    over_tls = external(5060)
    over_tls = over_tls.model_copy(update={"pbx": over_tls.pbx.model_copy(update={"transport": "tls"})})
    with pytest.raises(HarnessMisuse, match=r"\[phones\] addresses: ICE, .*'meta-dtls' has, finds no candidate at 127"):
        fitted(over_tls, load_profile("meta-dtls"))
    phones = over_tls.phones.model_copy(update={"addresses": ["192.0.2.7"]})
    real = over_tls.model_copy(update={"phones": phones})
    assert fitted(real, load_profile("meta-dtls")) == real
    reference = fitted(load_target("reference"), load_profile("meta-dtls"))
    assert (reference.pbx.media_encryption, reference.pbx.ice) == ("dtls", True)
    assert reference.phones.addresses[0] == "198.18.0.100"


def test_only_orphans_of_ours_are_leftovers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TRUNKPROOF_CACHE", str(tmp_path))
    simulator = ["python", "-m", "harness.child", "simulators.trunk:main", "7"]
    engine = ["dockerd", f"--data-root={tmp_path}/trunkproof/docker/data"]
    assert machine.is_leftover(simulator, orphan=True)
    assert machine.is_leftover(engine, orphan=True)
    assert machine.is_leftover(["asterisk", "-f"], orphan=True, root=f"{tmp_path}/trunkproof/rootfs/sid-1")
    assert not machine.is_leftover(simulator, orphan=False)
    assert not machine.is_leftover(["dockerd"], orphan=True)
    assert not machine.is_leftover([], orphan=True)


def test_what_a_load_run_may_use_is_told(monkeypatch: pytest.MonkeyPatch):
    assert load.load_possible(load_target("reference-siprec")) is None
    target = load_target("reference-load")
    monkeypatch.setattr("resource.getrlimit", lambda _which: (1024, 1_000_000))
    enough = load.load_possible(target)
    assert enough is not None and enough.ok
    assert "24 queues with 1600 agents, at 4 trunk addresses" in enough.detail
    monkeypatch.setattr("resource.getrlimit", lambda _which: (1024, 4096))
    scarce = load.load_possible(target)
    assert scarce is not None and scarce.ok is None
    assert "may open 4096 files" in scarce.detail and "ulimit" in scarce.advice
