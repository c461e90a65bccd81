"""The outside of piewise: the wire, the service, the prompt."""
