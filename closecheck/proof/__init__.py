"""The proof of the suite: every fault and every variant against it, and the page that shows what came out."""
