"""Sentences about what the provider's trunk asks of the PBX beside the call itself."""

from __future__ import annotations

from pytest_bdd import given, then, when

from scenarios.scene import Scene
from scenarios.secure_media import secured_in_time
from scenarios.trunk_media import (
    bears_little_silence,
    business_sends_first,
    hang_up_at_once,
    one_source,
    one_source_at_a_time,
    pbx_has_sent_first,
    silent_before_answer,
    stays_up,
    watch,
)
from scenarios.trunk_rules import (
    answer_is_encrypted,
    answered_with_more,
    authenticated_as_offered,
    bye_over_own_connection,
    came_over_tls,
    drop_connections,
    keeps_the_trunks_rules,
    never_registers,
    refused_for_want_of_a_key,
    require_dtls,
    require_encryption,
    require_proxies,
    require_sdes,
    require_tls,
    rung_once,
    takes_credentials,
)
from scenarios.trunk_strangers import all_addresses_are_taken, stranger_is_not_taken
from scenarios.trunk_variants import vary
from steps.words import sentence


@given("the trunk speaks TLS with the PBX")
def trunk_speaks_tls(scene: Scene) -> None:
    """Not run on a trunk without TLS. The PBX's certificate has been checked when the scenario begins."""
    require_tls(scene)


@given("the trunk records a route")
def trunk_records_a_route(scene: Scene) -> None:
    """Not run on a trunk without proxies, as Meta's are."""
    require_proxies(scene)


@given("the trunk's media are encrypted")
def media_are_encrypted(scene: Scene) -> None:
    """Not run on a trunk without SRTP."""
    require_encryption(scene)


@given("the trunk's keys are in the SDP")
def keys_in_the_sdp(scene: Scene) -> None:
    """Not run on a trunk without SRTP, or whose keys come from DTLS."""
    require_sdes(scene)


@given("the trunk has ICE and DTLS")
def trunk_has_dtls(scene: Scene) -> None:
    """Not run on a trunk whose SRTP has its keys from elsewhere, or that has none."""
    require_dtls(scene)


@then(sentence("{customer:Customer}'s media are secured in time"))
def media_secured_in_time(scene: Scene, customer: int) -> None:
    """ICE's checks have succeeded and DTLS has made the keys of SRTP; limit: the target's ``secure_media_s``."""
    secured_in_time(scene, scene.customer(customer))


@then("the PBX's answer is encrypted as offered")
def encrypted_as_offered(scene: Scene) -> None:
    """The SDP in its 200 has the SRTP that was offered, with a key or a fingerprint of the PBX's own."""
    keeps_the_trunks_rules(scene)
    answer_is_encrypted(scene)


@then("the PBX has kept the trunk's rules")
def kept_the_rules(scene: Scene) -> None:
    """Routes, Vias and SDP answers came back as the provider wants them, and TLS failed nowhere."""
    keeps_the_trunks_rules(scene)


@then("the PBX's BYE came over TLS")
def bye_came_over_tls(scene: Scene) -> None:
    """The trunk received the PBX's BYE over a TLS connection."""
    came_over_tls(scene, "BYE")


@given(sentence("the trunk {variant:Variant}"))
def trunk_varies(scene: Scene, variant: str) -> None:
    """For this scenario the trunk does so, beside what its profile says."""
    vary(scene, variant)


@given("the trunk sees the packets of the customer's calls")
def trunk_sees_packets(scene: Scene) -> None:
    """Media passes through the trunk, unchanged, and is looked at there."""
    watch(scene, scene.last_customer)


@given("the customer's side sends nothing before the business has sent")
def business_must_send_first(scene: Scene) -> None:
    """As at Meta: the first packet comes from the PBX; the app gives up in a shortened time (``media_timers``)."""
    business_sends_first(scene, scene.last_customer)


@given("the customer's app soon gives up a call without media")
def app_is_impatient(scene: Scene) -> None:
    """Meta's 20 s and 30 s, made shorter by the target's ``media_timers``."""
    bears_little_silence(scene, scene.last_customer)


@given("of the PBX's media only RTCP arrives, and the app soon gives up a call without media")
def only_rtcp_arrives(scene: Scene) -> None:
    """All RTP of the PBX is lost on the way; its reports (RFC 3550 section 6) come through."""
    bears_little_silence(scene, scene.last_customer, rtcp_only=True)


@when("the trunk closes its connections")
def trunk_closes(scene: Scene) -> None:
    """The provider's proxies close TCP and TLS connections; calls go on. Not run over UDP."""
    drop_connections(scene)


@when("the customer and the agent hang up at once")
def both_hang_up(scene: Scene) -> None:
    """Two BYEs cross on the way."""
    hang_up_at_once(scene, scene.customer(1))


@then("a call from an address that is not the trunk's is not taken, whatever its headers")
def stranger_is_refused(scene: Scene) -> None:
    """The call has all headers of the trunk's own calls; the PBX knows the trunk by more than these."""
    stranger_is_not_taken(scene, scene.last_customer)


@then("a call from each further address of the trunk is taken")
def all_addresses_known(scene: Scene) -> None:
    """Calls come from every address that the target declares under ``[trunk] addresses``, but those in use."""
    all_addresses_are_taken(scene, scene.last_customer)


@then("the PBX has proven itself as it was asked to")
def pbx_authenticated(scene: Scene) -> None:
    """After 407 the PBX's INVITE came again, with credentials (RFC 3261 section 22.3)."""
    authenticated_as_offered(scene, scene.last_customer)


@then("the PBX has asked for the business number's credentials and taken them")
def pbx_takes_credentials(scene: Scene) -> None:
    """401 or 407, then 200: the digest's uri has no ``;transport=tls``, as Meta's."""
    takes_credentials(scene)


@then("the PBX never registers at the trunk")
def pbx_never_registers(scene: Scene) -> None:
    """No REGISTER has come since the trunk is there."""
    never_registers(scene)


@then("the PBX's BYE came over a connection of its own")
def bye_over_own(scene: Scene) -> None:
    """The PBX opened a connection for it."""
    bye_over_own_connection(scene)


@then("the PBX has sent first")
def sent_first(scene: Scene) -> None:
    """RTP of the PBX came although none had gone to it."""
    pbx_has_sent_first(scene, scene.last_customer)


@then("the sound of the PBX came from one source at a time")
def sound_of_one_source_at_a_time(scene: Scene) -> None:
    """No two SSRCs (RFC 3550 section 5.1) take turns in the RTP of the call."""
    one_source_at_a_time(scene, scene.last_customer)


@then("all sound of the PBX came from one source")
def sound_of_one_source(scene: Scene) -> None:
    """One SSRC in all RTP of the call, whoever spoke or played."""
    one_source(scene, scene.last_customer)


@then("no sound came before the answer")
def no_early_sound(scene: Scene) -> None:
    """The PBX's first RTP packet came after its 200."""
    silent_before_answer(scene, scene.last_customer)


@then("the call stays up")
def call_stays_up(scene: Scene) -> None:
    """For longer than the app bears without any packet."""
    stays_up(scene, scene.last_customer)


@then("the PBX refuses the call for want of a key")
def call_without_key(scene: Scene) -> None:
    """An offer of RTP/SAVP without ``a=crypto`` cannot be taken (RFC 4568 section 7.1.2); 488 as a rule."""
    refused_for_want_of_a_key(scene, scene.last_customer)


@then("the trunk's answer had lines that the PBX had not offered")
def answer_had_more(scene: Scene) -> None:
    """Meta's answers have BUNDLE, msid and rtcp-mux whatever was offered; the PBX ignores what it does not know."""
    answered_with_more(scene)


@then("each call came to one phone")
def one_phone_each(scene: Scene) -> None:
    """As many rings at agents' phones as calls of customers."""
    rung_once(scene)
