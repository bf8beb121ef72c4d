"""One file a feature: what the server answers, apart from how it is registered."""
