"""Requests that nobody enumerated: drawn at random, sent through the session, shrunk to the smallest witness."""
