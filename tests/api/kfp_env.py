"""The real SDKs, each in a kept environment below $WEFT_CACHE or ~/.cache/weft, and how a test runs inside one of them."""
import fcntl
import importlib.util
import os
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent


def _kept():
    spec = importlib.util.spec_from_file_location("kfp_run", HERE.parent / "kfp" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sdk2():
    return _kept().sdk()


def sdk1():
    """kfp 1.8.22 still needs the setuptools of its time."""
    folder = _kept().cache() / "kfp1-sdk"
    with open(_kept().cache() / "kfp1-sdk.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            print("installing the KFP SDK of version 1, kept for later", flush=True)
            venv.create(folder, with_pip=True, clear=True)
            pip = [folder / "bin/pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, "setuptools<70", "wheel"], check=True)
            subprocess.run([*pip, "--no-build-isolation", "kfp==1.8.22"], check=True)
            (folder / ".complete").touch()
    return folder / "bin/python"


def inside(find):
    """Runs the calling script again with the environment's Python; its status is the caller's."""
    if os.environ.get("WEFT_TEST_INSIDE") == str(find.__name__):
        return
    python = find()
    environment = dict(os.environ, WEFT_TEST_INSIDE=find.__name__, PATH=f"{python.parent}:{os.environ['PATH']}", HOME=os.environ.get("WEFT_TEST_HOME", "/nonexistent"),
                       WEFT_CACHE=str(_kept().cache()), PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore")
    sys.exit(subprocess.run([python, *sys.argv], env=environment).returncode)
