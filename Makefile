build:
	@third_party/setup/setup
