"""What a target may claim to support."""

from __future__ import annotations

from enum import StrEnum


class Claim(StrEnum):
    """What a target says it supports: its PICS, in the terms of conformance testing (ETSI TS 102 027-1).

    A scenario tagged ``@claims.<name>`` is not run against a target that does not claim ``<name>``.
    """

    OPUS = "opus"
    PCMU = "pcmu"
    PCMA = "pcma"
    G722 = "g722"
    GREETING = "greeting"
    LANGUAGE_BY_CALLER = "language_by_caller"
    LANGUAGE_MENU = "language_menu"
    QUEUE_MUSIC = "queue_music"
    BUSY_ANNOUNCEMENT = "busy_announcement"
    AFTER_HOURS = "after_hours"
    VOICEMAIL = "voicemail"
    UNKNOWN_NUMBER_ANNOUNCEMENT = "unknown_number_announcement"
    CALLS_CUSTOMERS = "calls_customers"
    """Agents can call WhatsApp customers through the PBX, which sends INVITE to the trunk."""
    CHALLENGES_TRUNK = "challenges_trunk"
    """The PBX asks the trunk for credentials: those of the called business number (digest, RFC 3261 section 22)."""
    CLICK_TO_CALL = "click_to_call"
    """The PBX can be told to connect an agent with a customer."""
    CALLBACK_NUMBER = "callback_number"
    """Calls that the trunk brings after the customer's answer are put to an agent at once."""
    CONTEXT_ROUTING = "context_routing"
    """The payload of a call button routes the call to the agent or queue that it names."""
    DIGITS_READ_BACK = "digits_read_back"
    """A number asks for digits and reads back those that it understood."""
    AGENT_PRESENCE = "agent_presence"
    """The PBX can be asked whether an agent is free."""
    SITES = "sites"
    """Calls are routed to sites by country, language, number and hours."""
    IVR = "ivr"
    """Callers choose by keypad where their call goes, as the map under ``[ivr]`` says."""
    RECORDING = "recording"
    """Calls to numbers with the purpose ``recorded`` are recorded, no others."""
    RECORDING_CONSENT = "recording_consent"
    """Customers are told before the recording begins, and can refuse it."""
    RECORDING_RETENTION = "recording_retention"
    """Recordings are deleted when their time is over."""
    SIPREC = "siprec"
    """The PBX is a recording client (SRC) of SIPREC: RFC 7866, RFC 7865."""
    RECORDING_PAUSE = "recording_pause"
    """An agent can pause the recording, so that card data is not in it."""
    SUPERVISION = "supervision"
    """Supervisors can listen to an agent's call, whisper and barge in; others cannot."""
