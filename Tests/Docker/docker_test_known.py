"""What fails with czone, and why; docs/docker.md says the same to users."""

SNAPSHOT = "what a container writes lies in its zone, not in docker's layer of it"
DEVICES = "a VM has none of the host's devices"

KNOWN = {
    "test_commit": SNAPSHOT,
    "test_cp_in": SNAPSHOT,
    "test_cp_out": SNAPSHOT,
    "test_diff": SNAPSHOT,
    "test_files_stay_over_a_restart": SNAPSHOT,
    "test_run_device": DEVICES,
    "test_run_privileged": DEVICES,
    "test_top": "dockerd runs the host's ps for process ids that are the guest's",
    "test_network_of_the_users": "dockerd serves names in the network namespace on the host, which the guest does not reach",
}
