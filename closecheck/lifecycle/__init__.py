"""What closing does: audits, account activities and events, asked for, watched and judged."""
