"""Pods whose containers have different images."""

import os
import re
import signal

import cri_test
from cri_test import RUNNING, container, machine_of, sh
from host import BUSYBOX, LAYERED, eventually


def setUpModule():
    cri_test.setUpModule()


def tearDownModule():
    cri_test.tearDownModule()


class ImageTest(cri_test.PodCase):
    def assert_runs_as(self, id, image):
        """The container has its image's files, can change them for itself, and the host's stay as they are."""
        is_layered = image == LAYERED
        self.assertEqual(sh(id, "cat /etc/note 2>/dev/null || echo none"), "from the upper layer\n" if is_layered else "none\n")
        self.assertEqual(sh(id, "test -e /bin/vi || echo none"), "none\n" if is_layered else "")
        before = cri_test.host.snapshot_files()
        self.assertEqual(sh(id, "echo changed >/etc/note; cat /etc/note; rm /bin/wget; test -e /bin/wget || echo none"), "changed\nnone\n")
        self.assertEqual(sh(id, "chmod 700 /etc && mv /etc/group /etc/groups && cat /etc/groups"), "root:x:0:\n")
        self.assertEqual(cri_test.host.snapshot_files(), before)

    def assert_maps(self, count, id):
        """The container's VM has so many images mapped: what runs in it does not read its files over the file server."""
        process = next(vm["pid"] for vm in cri_test.host.json("vm", "list") if vm["id"] == machine_of(id))
        with open(f"/proc/{process}/maps") as maps:
            self.assertEqual(len(set(re.findall(r"\S+\.erofs", maps.read()))), count)
        before = self.file_requests(id)
        self.assertNotEqual(sh(id, "cat /bin/sh /etc/* | wc -c"), "0\n")
        self.assertEqual(self.file_requests(id), before)

    def images_in_guest_of(self, id):
        """How many images the guest has page descriptors for."""
        return len(sh(id, "ls -d /sys/bus/nd/devices/region*").split())

    def file_requests(self, id):
        """How many requests the guest of the container's VM has made to the file server."""
        text = cri_test.host.czone("metrics").stdout
        return [line for line in text.splitlines() if line.startswith("czone_vm_file_requests_total{") and machine_of(id) in line]

    def test_containers_of_a_pod_can_have_different_images(self):
        # The second one's layers are one or several.
        for first, second in ((BUSYBOX, LAYERED), (LAYERED, BUSYBOX)):
            pod = self.pod()
            app = pod.run("app", "sleep", "1000", image=first)
            sidecar = pod.run("sidecar", "sh", "-c", "trap 'exit 4' TERM; echo up; while true; do sleep 1; done", image=second)
            self.assertEqual(machine_of(app), machine_of(sidecar))
            zones = [zone["container"] for vm in cri_test.host.json("zones") for zone in vm["zones"] if zone["container"]]
            for id, image in ((app, first), (sidecar, second)):
                self.assert_runs_as(id, image)
                self.assert_maps(2, id)
                self.assertEqual(sum(name.startswith(id) for name in zones), 1, "a zone of its own")
            eventually("it is logged", lambda: pod.log("sidecar") == [("stdout", "up")])
            self.assertEqual(self.images_in_guest_of(app), 2)
            cri_test.runtime.StopContainer(container_id=sidecar, timeout=30)
            self.assertEqual(container(sidecar).exit_code, 4)
            cri_test.runtime.RemoveContainer(container_id=sidecar)
            eventually("the guest gives the image back", lambda: self.images_in_guest_of(app) == 1)
            self.assert_runs_as(pod.run("again", "sleep", "1000", image=second), second)
            self.assertEqual(container(app).state, RUNNING)

    def test_a_later_pod_of_a_vm_can_have_another_image_too(self):
        wanted = {"czone.dev/function": "with-sidecar"}
        pods = [self.pod(annotations=wanted) for _ in range(2)]
        apps = [pod.run("app", "sleep", "1000") for pod in pods]
        sidecars = [pod.run("sidecar", "sleep", "1000", image=LAYERED) for pod in pods]
        self.assertEqual(len({machine_of(id) for id in apps + sidecars}), 1)
        for id in sidecars:
            self.assert_runs_as(id, LAYERED)
            self.assert_maps(2, id)
        # One goes, and what the other runs of the same image stays.
        cri_test.runtime.StopContainer(container_id=sidecars[0], timeout=0)
        cri_test.runtime.RemoveContainer(container_id=sidecars[0])
        self.assertEqual(sh(sidecars[1], "cat /etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
        self.assertEqual([zone for vm in cri_test.host.json("zones") for zone in vm["zones"] if zone["state"] == "quarantined"], [])

    def test_a_pod_in_a_vm_from_a_template_can_have_another_image(self):
        self.pod().run("app", "sleep", "1000")
        eventually("the image has a template", lambda: cri_test.host.json("template", "list"), seconds=180)
        restored = set(cri_test.host.restored_machines())
        pod = self.pod(namespace="team-template")
        pod.run("app", "sleep", "1000")
        self.assertNotEqual(set(cri_test.host.restored_machines()) - restored, set(), "its VM is restored from the template")
        self.assert_runs_as(pod.run("sidecar", "sleep", "1000", image=LAYERED), LAYERED)

    def another_image_outlives(self, processes):
        """A pod with two images, after what it hangs on was killed: its mounts are gone, and another works."""
        pod = self.pod()
        ids = [pod.run("app", "sleep", "1000"), pod.run("sidecar", "sleep", "1000", image=LAYERED)]
        mounts = cri_test.host.traces()["mounts"]
        for pid in processes():
            os.kill(pid, signal.SIGKILL)
        self.assert_all_have_ended(pod, *ids, code=255)
        self.assertLessEqual(cri_test.host.traces()["mounts"], mounts)
        other = self.pod()
        other.run("app", "sleep", "1000")
        self.assert_runs_as(other.run("sidecar", "sleep", "1000", image=LAYERED), LAYERED)

    def test_a_vm_that_is_killed_lets_go_of_another_image(self):
        self.another_image_outlives(cri_test.host.machines)

    def test_a_shim_that_is_killed_lets_go_of_another_image(self):
        self.another_image_outlives(cri_test.host.shims)
