"""OCI images of one or more layers, made on the spot from directories or from dictionaries of files."""

import hashlib
import io
import json
import os
import subprocess
import tarfile


def layer_of_directory(directory):
    """A layer with everything in a directory."""
    return _layer(lambda tar: [tar.add(os.path.join(directory, name), arcname=name, filter=_plain) for name in sorted(os.listdir(directory))])


def layer_of_files(files):
    """A layer with {path: contents}. Contents None: a whiteout, which removes the path of the layers below."""

    def fill(tar):
        for path, contents in files.items():
            name = path if contents is not None else os.path.join(os.path.dirname(path), ".wh." + os.path.basename(path))
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            entry.size = len(contents or b"")
            tar.addfile(entry, io.BytesIO(contents or b""))

    return _layer(fill)


def write_image(path, name, layers, command, environment=()):
    """Writes an OCI archive that `ctr images import` takes."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as out:

        def put(name, data):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))

        def blob(media_type, data):
            digest = hashlib.sha256(data).hexdigest()
            put(f"blobs/sha256/{digest}", data)
            return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(data)}

        put("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        described = [blob("layer.v1.tar", layer) for layer in layers]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": command, "Env": ["PATH=/usr/bin:/bin", *environment], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in described]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob("config.v1+json", json.dumps(config).encode()),
            "layers": described,
        }
        entry = blob("manifest.v1+json", json.dumps(manifest).encode())
        entry["annotations"] = {"io.containerd.image.name": name}
        put("index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())


def busybox_layer(scratch):
    """Debian's static busybox with a link for each of its programs."""
    root = os.path.join(scratch, "busybox-root")
    if not os.path.isdir(root):
        for directory in ("bin", "etc", "proc", "sys", "dev", "root", "tmp"):
            os.makedirs(os.path.join(root, directory))
        with open("/bin/busybox", "rb") as source, open(f"{root}/bin/busybox", "wb") as target:
            target.write(source.read())
        os.chmod(f"{root}/bin/busybox", 0o755)
        for name in subprocess.check_output(["/bin/busybox", "--list"], text=True).split():
            if name != "busybox":
                os.symlink("busybox", f"{root}/bin/{name}")
        with open(f"{root}/etc/passwd", "w") as passwd:
            passwd.write("root:x:0:0:root:/root:/bin/sh\n")
        with open(f"{root}/etc/group", "w") as group:
            group.write("root:x:0:\n")
    return layer_of_directory(root)


def _layer(fill):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        fill(tar)
    return buffer.getvalue()


def _plain(entry):
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry
