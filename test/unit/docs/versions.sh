#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   versions.sh SOURCE_ROOT
#
# The bytes of earlier versions, which guests and hosts of that time send and expect, are still those
# that the other tests of vectors are about.

cd "$1/test/vectors" || exit 1
failed=0
for version in version-*; do
	nr=0
	while read -r hash name; do
		nr=$((nr + 1))
		[ "$(sed 's/#.*//; s/ //g; /^$/d' "$name.hex" | sha256sum)" = "$hash  -" ] || {
			echo "$name.hex is not as in $version: this needs another VIRTIO_ACCEL_VERSION"
			failed=1
		}
	done <<-END
		$(sed '/^#/d' "$version")
	END
	[ $nr -gt 0 ] || failed=1
done
exit $failed
