"""The authorization endpoint, and the parameters that browsers bring."""
