"""WhatsApp's platform as one object: people, consent, chats, calls. No I/O and no clock of its own.

What it has to say goes out through three callables that must not block: ``emit`` gets events for the scenario,
``deliver`` gets webhooks, and each trunk its orders. All methods are for one thread; what the rules forbid raises
``Refused``, whose ``answer`` has the SIP and Graph codes. A business is named by its number (with or without ``+``),
a user by number or business-scoped user id. Times are the platform's own, in s since 1970-01-01 UTC.
"""

from __future__ import annotations

from simulators.whatsapp.service_calls import ServiceCalls
from simulators.whatsapp.service_chats import ServiceChats


class Platform(ServiceChats, ServiceCalls):
    """See the module. ``ledger`` decides; ``now`` is the machine's time in s since 1970-01-01 UTC."""
