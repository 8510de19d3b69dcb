"""One run against one target: what is sent is sent here, once, remembered, recorded and judged."""
