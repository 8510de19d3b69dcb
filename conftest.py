pytest_plugins = ["closecheck.plugin"]
