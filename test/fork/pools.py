# SPDX-License-Identifier: Apache-2.0
"""Python's multiprocessing, with each way to make children, in a program that uses the library itself."""

import multiprocessing
import os
import sys

import accel

TASKS = 60


def run(method, session, resource):
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        # The server of forks has the library, and a connection of its own.
        context.set_forkserver_preload(["accel"])
    with context.Pool(4, accel.start_child) as pool:
        answers = pool.map_async(accel.work, range(TASKS), chunksize=1)
        while not answers.ready():
            assert session.echo(7)
        answers = answers.get(60)
        pool.close()
        pool.join()
    assert all(good for _, good, _ in answers)
    children = {(pid, path) for pid, _, path in answers}
    assert os.getpid() not in {pid for pid, _ in children}
    own = accel.lib.vaccel_rundir().decode()
    for _, path in children:
        assert path != own and not os.path.exists(path), path
    assert os.path.isdir(own)
    resource.again()
    assert session.echo(8)
    print(f"{method}: children have connections of their own", flush=True)


def inherited(session):
    """Without anything more a child is told what to do."""
    pid = os.fork()
    if not pid:
        os._exit(0 if session.noop() == accel.ENODEV else 1)
    assert os.waitpid(pid, 0)[1] == 0


def main():
    session = accel.Session()
    resource = accel.Resource(session)
    for method in sys.argv[1:]:
        run(method, session, resource)
        inherited(session)
    resource.close()
    session.close()


if __name__ == "__main__":
    main()
