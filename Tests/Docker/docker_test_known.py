"""What fails with czone, and why; docs/docker.md says the same to users."""

KNOWN = {
}
