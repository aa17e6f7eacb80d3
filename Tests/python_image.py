"""An image for tests of clients from PyPI, as Tests/Functions and Tests/Fabric have them."""

import os
import shutil
import subprocess
from pathlib import Path


def import_python_image(czone, name, directory, programs):
    """Debian's Python (CZONE_TEST_PYTHON) with the clients for images (CZONE_TEST_CLIENTS) and, in /app, the files of the
    directory `programs`; made in `directory`, and imported by `czone`, which runs that command."""
    root = Path(directory) / "image"
    subprocess.run(["cp", "-a", os.environ["CZONE_TEST_PYTHON"], root], check=True)
    packages = root / "usr/lib/python3/dist-packages"
    packages.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", os.environ["CZONE_TEST_CLIENTS"] + "/image/.", packages], check=True)
    (root / "app").mkdir()
    for file in Path(programs).iterdir():
        shutil.copy(file, root / "app")
    czone("image", "import", "--name", name, f"dir:{root}")
    shutil.rmtree(root)
