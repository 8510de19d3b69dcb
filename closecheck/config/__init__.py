"""What the user wrote: target file, options, environment and waivers, merged once and checked strictly."""
