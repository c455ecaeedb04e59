/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Result codes. Functions that return int give VACCEL_OK or one of these positive codes; each
 * has the value of the errno it is named after, so strerror() describes it.
 *
 * Threads: a result is returned to the thread that called, and kept nowhere else.
 */
#pragma once

#include <errno.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	VACCEL_OK = 0,
	VACCEL_EPERM = EPERM, /* not allowed in this state, e.g. resource not registered */
	VACCEL_ENOENT = ENOENT, /* no such object, file or library */
	VACCEL_EIO = EIO, /* input/output failed */
	VACCEL_ENOEXEC = ENOEXEC, /* not executable */
	VACCEL_EBADF = EBADF, /* bad file descriptor */
	VACCEL_EAGAIN = EAGAIN, /* try again */
	VACCEL_ENOMEM = ENOMEM, /* out of memory */
	VACCEL_EACCES = EACCES, /* access denied */
	VACCEL_EFAULT = EFAULT, /* bad address */
	VACCEL_EBUSY = EBUSY, /* object is in use */
	VACCEL_EEXIST = EEXIST, /* object exists already */
	VACCEL_ENODEV = ENODEV, /* no such device */
	VACCEL_ENOTDIR = ENOTDIR, /* not a directory */
	VACCEL_EINVAL = EINVAL, /* bad argument */
	VACCEL_ENOSPC = ENOSPC, /* no space left */
	VACCEL_EROFS = EROFS, /* file system is read-only */
	VACCEL_EMLINK = EMLINK, /* too many links */
	VACCEL_ERANGE = ERANGE, /* out of range */
	VACCEL_ENAMETOOLONG = ENAMETOOLONG, /* path or name too long */
	VACCEL_ENOSYS = ENOSYS, /* no such function */
	VACCEL_ELOOP = ELOOP, /* too many symbolic links */
	VACCEL_EBACKEND = EPROTO, /* the back end (plugin, device) failed */
	VACCEL_ELIBBAD = ELIBBAD, /* library is not a vAccel plugin */
	VACCEL_EUSERS = EUSERS, /* all ids are in use */
	VACCEL_ENOTSUP = ENOTSUP, /* operation is not supported */
	VACCEL_ESESS = ECONNRESET, /* no session, or the session was lost */
	VACCEL_EINPROGRESS = EINPROGRESS, /* still in progress */
	VACCEL_EREMOTEIO = EREMOTEIO, /* remote input/output failed, e.g. a download */
};

#ifdef __cplusplus
}
#endif
