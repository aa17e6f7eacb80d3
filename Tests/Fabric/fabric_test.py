"""The fabric behind real containers: unchanged boto3 in a guest, moto's server as the store."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from python_image import import_python_image

HERE = Path(__file__).resolve().parent
SECRET = "real-secret-" + os.urandom(12).hex()
# What a process of the fabric may come to have resident, whatever passes through it.
MOST_RESIDENT = 40 << 20


def wait(is_so, seconds, describe=lambda: ""):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come to be in {seconds} s: {describe()}")
        time.sleep(0.1)


def hits(pid, words):
    """How often each word is in the memory of a process."""
    counts = {word: 0 for word in words}
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            if "r" not in line.split()[1] or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            rest = b""
            while start < end:
                try:
                    memory.seek(start)
                    piece = memory.read(min(8 << 20, end - start))
                except OSError:
                    break
                if not piece:
                    break
                for word in words:
                    counts[word] += (rest + piece).count(word)
                start, rest = start + len(piece), piece[-64:]
    return counts


class Fabric(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="czone-fabric.", dir="/run"))
        cls.addClassCleanup(cls.clean)
        cls.environment = os.environ | {
            "CZONE_ROOT": f"{cls.directory}/root", "CZONE_STORE": f"{cls.directory}/store", "CZONE_TEMPLATES": "off",
            "CZONE_BASE_MEMORY": "256M", "CZONE_FABRIC_POLICIES": f"{cls.directory}/policies",
        }
        import_python_image(cls.czone, "fabric", cls.directory, HERE / "image")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            cls.port = free.getsockname()[1]
        cls.moto = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(cls.port)], stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)
        wait(cls.listens, 60)
        keys = cls.directory / "keys"
        keys.write_text(f"[default]\naws_access_key_id = AKIAREALKEY\naws_secret_access_key = {SECRET}\n")
        keys.chmod(0o600)
        cls.define("store", f"credentials: {{file: {keys}}}")
        cls.define("variables", "credentials: {environment: true}")

    @classmethod
    def listens(cls):
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", cls.port)) == 0

    @classmethod
    def clean(cls):
        if hasattr(cls, "moto"):
            cls.moto.kill()
            cls.moto.wait()
        subprocess.run(["czone", "vm", "stop", "--all"], env=cls.environment, capture_output=True)
        kept = os.environ.get("CZONE_KEEP_LOGS")
        if kept:
            subprocess.run(f"mkdir -p {kept}; cp {cls.directory}/root/fabric/*/log {kept}", shell=True)
        shutil.rmtree(cls.directory, ignore_errors=True)

    @classmethod
    def define(cls, name, credentials, tenants="[default]"):
        (cls.directory / "policies").mkdir(exist_ok=True)
        (cls.directory / f"policies/{name}.yaml").write_text(f"""
tenants: {tenants}
services:
  - {{service: s3, regions: [eu-west-1], buckets: [photos], endpoint: "http://127.0.0.1:{cls.port}"}}
{credentials}
""")

    @classmethod
    def czone(cls, *arguments, check=True, **variables):
        result = subprocess.run(
            ["czone", *arguments], env=cls.environment | variables, capture_output=True, text=True, timeout=240)
        if check and result.returncode:
            raise AssertionError(f"czone {arguments}: {result.stderr[-4000:]}")
        return result.stdout if check else result

    def json(self, *arguments):
        return json.loads(self.czone(*arguments, "--json"))

    def fabrics(self):
        return self.json("fabric", "stats")

    def test_1_unchanged_boto3_reaches_the_store(self):
        result = self.czone(
            "run", "--rm", "--fabric", "store", "--name", "client", "-e", "FABRIC_TEST_MEGABYTES=16", "fabric", "python3",
            "/app/store_test.py", check=False)
        self.assertEqual(result.returncode, 0, result.stderr[-6000:])
        [fabric] = self.fabrics()
        self.assertEqual((fabric["tenant"], fabric["containers"]), ("default", []))
        status = dict(line.split(":", 1) for line in Path(f"/proc/{fabric['pid']}/status").read_text().splitlines())
        self.assertLess(int(status["VmHWM"].split()[0]) << 10, MOST_RESIDENT)
        print(f"fabric after 16 MiB bodies: {status['VmHWM'].strip()} at most, {status['VmRSS'].strip()} now", file=sys.stderr)
        # Its walls: another user, no privileges, a filter.
        self.assertNotEqual(status["Uid"].split()[0], "0")
        self.assertEqual((status["NoNewPrivs"].strip(), status["Seccomp"].strip()), ("1", "2"))
        self.assertEqual(int(status["CapEff"], 16) | int(status["CapBnd"], 16), 0)

    def test_2_no_key_is_in_the_guest(self):
        program = """if True:
            import boto3, os, time
            s3 = boto3.client("s3")
            for number in range(100):
                s3.put_object(Bucket="photos", Key=f"many/{number}", Body=b"x")
                print(number, flush=True)
            print(os.environ["AWS_SECRET_ACCESS_KEY"], "ready", flush=True)
            time.sleep(600)"""
        self.czone("run", "-d", "--fabric", "store", "--name", "searched", "fabric", "python3", "-c", program)
        wait(lambda: "ready" in self.czone("logs", "searched"), 180, lambda: self.czone("logs", "searched")[-200:])
        self.assertNotIn(SECRET, self.czone("logs", "searched"))
        environments = self.czone("exec", "searched", "sh", "-c", "cat /proc/[0-9]*/environ | tr '\\0' '\\n'")
        self.assertIn("AWS_SECRET_ACCESS_KEY=the-fabric-signs", environments)
        self.assertNotIn(SECRET, environments)
        [machine] = [one for one in self.json("vm", "list") if one["pid"]]
        counts = hits(machine["pid"], [SECRET.encode(), b"CZFABRICPLACEHOLDER0"])
        print(f"in the VM's memory: {counts}", file=sys.stderr)
        self.assertEqual(counts[SECRET.encode()], 0)
        # The search finds what is there.
        self.assertGreater(counts[b"CZFABRICPLACEHOLDER0"], 0)
        [container] = self.fabrics()[0]["containers"]
        self.assertEqual((container["id"], container["policy"], container["exchanges"]), ("searched", "store", 100))
        self.czone("rm", "-f", "searched")
        wait(lambda: not self.fabrics()[0]["containers"], 30)

    def test_3_a_killed_fabric_is_replaced_for_the_next_container(self):
        [fabric] = self.fabrics()
        os.kill(fabric["pid"], signal.SIGKILL)
        wait(lambda: not self.fabrics(), 10)
        program = "import boto3; print(boto3.client('s3').get_object(Bucket='photos', Key='many/1')['Body'].read())"
        run = ["run", "--rm", "--fabric", "variables", "fabric", "python3", "-c", program]
        keys = {"AWS_ACCESS_KEY_ID": "AKIAREALKEY", "AWS_SECRET_ACCESS_KEY": SECRET}
        self.assertEqual(self.czone(*run, **keys), "b'x'\n")
        self.assertNotEqual(self.fabrics()[0]["pid"], fabric["pid"])

    def test_4_what_is_not_to_be_is_refused_in_one_line(self):
        self.define("other", "credentials: {environment: true}", tenants="[bank]")
        self.define("wrong", "credentials: {environment: perhaps}")
        for name, expected in [
            ("nothing", "there is no policy"), ("other", "none of the tenant"), ("../store", "no policy's name"),
            ("wrong", 'wrong.yaml:5: credentials.environment is "perhaps": expected true or false'),
            ("variables", "they have no aws_access_key_id"),
        ]:
            result = self.czone("run", "--rm", "--fabric", name, "fabric", "python3", "-c", "", check=False)
            self.assertEqual((result.returncode, len(result.stderr.strip().splitlines())), (1, 1), result.stderr)
            self.assertIn(expected, result.stderr)
        self.assertEqual([one for one in self.json("ps") if one["state"] == "running"], [])
        result = self.czone("fabric", "policy", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("wrong.yaml:5", result.stderr)
        self.assertEqual(self.json("fabric", "policy", "store")[0]["credentials"], "file")

    def tearDown(self):
        self.czone("rm", "-f", "searched", check=False)

    def test_5_a_fabric_without_containers_ends(self):
        wait(lambda: not self.json("fabric", "ps"), 60)


if __name__ == "__main__":
    unittest.main()
