"""closecheck: does a deployed implementation of Close Access Request keep its contract?"""

__version__ = "0.1.0"
