#!/usr/bin/env python3
"""The proof with the real KFP SDK: installs `kfp` once into a kept environment, compiles the pipelines of cases.py with it, runs each
with `weft run -o json`, and checks states and outputs. Then every example. Closes with `N passed, N failed`.

    tests/kfp/run.py WEFT [NAME…]      only the cases whose names contain one of NAME

The environment is kept below $WEFT_CACHE, or ~/.cache/weft.
"""
import fcntl
import os
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
KFP = 'kfp>=2.9,<3'


def cache():
    home = os.environ.get('WEFT_CACHE') or os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'weft')
    path = pathlib.Path(home)
    path.mkdir(parents=True, exist_ok=True)
    return path


def sdk():
    """The Python of an environment with kfp in it."""
    folder = cache() / 'kfp-sdk'
    with open(cache() / 'kfp-sdk.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / '.complete').exists():
            print('installing the KFP SDK, kept for later', flush=True)
            venv.create(folder, with_pip=True, clear=True)
            subprocess.run([folder / 'bin/pip', 'install', '-q', '--disable-pip-version-check', KFP], check=True)
            (folder / '.complete').touch()
    return folder / 'bin/python'


def main():
    if len(sys.argv) < 2:
        sys.exit('usage: tests/kfp/run.py WEFT [NAME…]')
    weft = os.path.abspath(sys.argv[1])
    if not os.access(weft, os.X_OK):
        sys.exit(f'{weft} is no program: build Weft first (make)')
    env = dict(os.environ, WEFT=weft, WEFT_CACHE=str(cache()), PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE='1')
    sys.exit(subprocess.run([sdk(), HERE / 'harness.py', *sys.argv[2:]], env=env).returncode)


if __name__ == '__main__':
    main()
