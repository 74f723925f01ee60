#!/usr/bin/env python3
"""soname.py NAME: the soname of libNAME.so, as the linker finds it."""
import re
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    out = folder + "/probe"
    subprocess.run(["cc", "-shared", "-x", "c", "/dev/null", "-o", out, "-Wl,--no-as-needed", "-l" + sys.argv[1]], check=True)
    needed = re.findall(r"NEEDED\s+(lib" + re.escape(sys.argv[1]) + r"\.so\S*)", subprocess.run(["objdump", "-p", out], check=True, stdout=subprocess.PIPE, text=True).stdout)
if not needed:
    sys.exit(f"lib{sys.argv[1]}.so is not found by the linker")
print(needed[0])
