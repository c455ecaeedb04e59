# SPDX-License-Identifier: Apache-2.0
"""What a program in Python does with libvaccel.so, by ctypes: loading it starts it from the environment."""

import ctypes as c
import multiprocessing.util
import os

lib = c.CDLL("libvaccel.so.0")
lib.vaccel_rundir.restype = c.c_char_p
SIZE = 300000
ENODEV, EINVAL = 19, 22


def check(ret):
    if ret:
        raise OSError(ret, os.strerror(ret))


class Session:
    def __init__(self):
        self.handle = c.c_void_p()
        check(lib.vaccel_session_new(c.byref(self.handle), c.c_uint32(0)))

    def noop(self):
        return lib.vaccel_noop(self.handle)

    def echo(self, value):
        """Has the host copy an array. Return: whether it is as it was."""
        given = (c.c_int * SIZE)(*([value] * 8))
        copy = (c.c_int * SIZE)()
        given[SIZE - 1] = value + 1
        check(lib.vaccel_fpga_arraycopy(self.handle, given, copy, c.c_size_t(SIZE)))
        return bytes(given) == bytes(copy)

    def close(self):
        check(lib.vaccel_session_delete(self.handle))


class Resource:
    """Data in the library's directory, and on the host"""

    def __init__(self, session):
        self.handle, self.session = c.c_void_p(), session
        check(lib.vaccel_resource_from_buf(c.byref(self.handle), b"x" * 5000, c.c_size_t(5000), 1,
                                           b"data", c.c_bool(False)))
        check(lib.vaccel_resource_register(self.handle, session.handle))

    def again(self):
        """Tells whether the host and the library still have it."""
        check(lib.vaccel_resource_unregister(self.handle, self.session.handle))
        check(lib.vaccel_resource_register(self.handle, self.session.handle))

    def close(self):
        check(lib.vaccel_resource_delete(self.handle))


mine = None


def start_child():
    """The first thing in a child, however it was made: a connection and a directory of its own. Children
    of multiprocessing end without what a program does at its end, so the directory is removed by hand."""
    global mine
    check(lib.vaccel_bootstrap())
    multiprocessing.util.Finalize(None, lib.vaccel_cleanup, exitpriority=1)
    mine = Session()


def work(value):
    return os.getpid(), mine.echo(value), lib.vaccel_rundir().decode()
