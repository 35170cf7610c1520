"""The reference PBX: Asterisk's configuration, its broken twins, and how to ask it."""
