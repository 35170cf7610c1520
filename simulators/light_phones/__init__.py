"""Light phones: thousands of customers and agents in one process, for load. SIP over UDP by asyncio, media by an engine
that is given to them."""
