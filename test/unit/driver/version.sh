#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   version.sh SOURCE_ROOT VERSION
#
# The driver has the project's version: for modinfo, for DKMS, and in what its README says to type.

cd "$1" || exit 1
failed=0
expect() {
	grep -qF -- "$1" "$2" && return
	echo "$2 does not say: $1"
	failed=1
}
expect "MODULE_VERSION(\"$2\");" driver/main.c
expect "PACKAGE_VERSION=\"$2\"" driver/dkms.conf
expect "dkms install virtio-accel/$2\`" driver/README.md
expect "vaccel ($2-" debian/changelog
exit $failed
