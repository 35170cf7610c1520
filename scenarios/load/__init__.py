"""The calling scenarios' flows a thousand times: profiles (TOML), and the process that plays customers and agents."""
