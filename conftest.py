pytest_plugins = ["closecheck.suite.plugin"]
