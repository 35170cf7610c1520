"""The SBC in front of the reference sites: Kamailio's configuration, and how to ask and tell it."""
