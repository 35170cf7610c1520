"""RFC 4475's torture messages: what they are, what a PBX owes each of them, and what it made of one."""
