"""The wire: bytes out and in, who calls with which token, how fast. Knows no requirement."""
