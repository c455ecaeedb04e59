# SPDX-License-Identifier: Apache-2.0
"""Makes the C source of the Python module "bindings" from the headers.

    build_bindings.py SOURCE COMPILER FLAG...

cffi reads declarations. It knows no attributes and no bodies of functions, so these are taken out of
what the preprocessor makes of vaccel.h; all else it must understand as it stands.
"""

import re
import subprocess
import sys

from cffi import FFI

LIBC = """
    typedef struct { ...; } pthread_mutex_t;
    void free(void *);
"""


def own_text(preprocessed):
    """What comes from vAccel's headers and not from those of libc"""
    own, out = False, []
    for line in preprocessed.splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            own = re.search(r"/include/(vaccel|slog)[^\"]*$", marker[1]) is not None
        elif own:
            out.append(line)
    return "\n".join(out)


def without_bodies(text):
    out, depth = "", 0
    for part in re.split(r"(static inline|[{}])", text):
        if part == "static inline" and not depth:
            depth = 1
            continue
        if depth and part == "{":
            if depth == 1:
                out += ";"
            depth += 1
        elif depth and part == "}":
            depth -= 1
            depth = 0 if depth == 1 else depth
        elif depth < 2:
            out += part
    return out


def main():
    source, *command = sys.argv[1:]
    text = subprocess.run([*command, "-E", "-D__attribute__(x)=", "-"], check=True, text=True,
                          input="#include <vaccel.h>\n", stdout=subprocess.PIPE).stdout
    text = without_bodies(own_text(text))
    # That is in plugins only.
    text = text.replace("extern struct vaccel_plugin vaccel_this_plugin;", "")
    # cffi has no atomic types; to the members around it, this one is only a hole.
    text, holes = re.subn(r"atomic_uint refcount;", "...;", text)
    assert holes == 1
    ffi = FFI()
    ffi.cdef(LIBC + text)
    ffi.set_source("bindings", "#include <vaccel.h>")
    ffi.emit_c_code(source)


main()
