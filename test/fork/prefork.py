# SPDX-License-Identifier: Apache-2.0
"""A server that loads all before it forks, as gunicorn --preload does: its workers answer at one socket, one
of them is killed and replaced, and the parent goes on using what it had before."""

import os
import signal
import socket
import sys

import accel

WORKERS = 3
REQUESTS = 40


def serve(listener):
    """A worker. A preloaded application has objects of its parent, whose end in the child harms nobody."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    accel.start_child()
    while True:
        connection, _ = listener.accept()
        with connection:
            value = int.from_bytes(connection.recv(4), "little")
            good = accel.mine.echo(value)
            connection.sendall(os.getpid().to_bytes(4, "little") + bytes([good]))


def fork(listener, session, resource):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        try:
            serve(listener)
        finally:
            # Unknown here since vaccel_bootstrap(), and nothing happens.
            assert accel.lib.vaccel_resource_delete(resource.handle) == accel.EINVAL
            assert accel.lib.vaccel_session_delete(session.handle) == accel.EINVAL
            accel.lib.vaccel_cleanup()
    except SystemExit as end:
        status = end.code
    os._exit(status)


def ask(address, value):
    with socket.create_connection(address, 60) as connection:
        connection.sendall(value.to_bytes(4, "little"))
        answer = connection.recv(5)
    assert answer[4] == 1
    return int.from_bytes(answer[:4], "little")


def run(listener, session, resource, workers):
    workers.update(fork(listener, session, resource) for _ in range(WORKERS))
    served = {ask(listener.getsockname(), i) for i in range(REQUESTS)}
    assert served <= workers
    assert session.echo(2)
    victim = next(iter(workers))
    os.kill(victim, signal.SIGKILL)
    assert os.waitpid(victim, 0)[1] == signal.SIGKILL
    workers.remove(victim)
    workers.add(fork(listener, session, resource))
    served = {ask(listener.getsockname(), i) for i in range(REQUESTS)}
    assert served <= workers
    while workers:
        pid = workers.pop()
        os.kill(pid, signal.SIGTERM)
        assert os.waitpid(pid, 0)[1] == 0


def main():
    session = accel.Session()
    resource = accel.Resource(session)
    workers = set()
    assert session.echo(1)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            run(listener, session, resource, workers)
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
    resource.again()
    assert session.echo(3)
    resource.close()
    session.close()
    print("the workers of a server that forks have connections of their own")


if __name__ == "__main__":
    main()
