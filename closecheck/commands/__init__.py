"""The commands around a run, one module each. Nothing else imports them."""
