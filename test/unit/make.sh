#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The Makefile, and the way into the build root, on machines that lack something: one make at a time works
# in a tree, and each failure has a last line that says what to do.
#
#   make.sh SOURCES

set -u
sources=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

bad() {
	echo "$*" >&2
	cat "$work/said" >&2
	failed=1
}

says() { tail -n 1 "$work/said" | grep -qF -- "$1" || bad "the last line does not say: $1"; }

# A tree in which each step takes a while and can tell whether another one is under way
mkdir -p "$work/tree/scripts" "$work/bin"
cp "$sources/Makefile" "$work/tree/"
cat >"$work/tree/scripts/in-root" <<'EOF'
#!/bin/sh
mkdir busy || { echo "two at a time"; exit 1; }
sleep 0.3
rmdir busy
EOF
chmod +x "$work/tree/scripts/in-root"
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES VACCEL_LOCKED
(cd "$work/tree" && make user >"$work/first" 2>&1) &
pid=$!
sleep 0.1
(cd "$work/tree" && make user abi) >"$work/said" 2>&1 || bad "the second make failed"
wait $pid || bad "the first make failed"
grep -qF 'another make works in' "$work/said" "$work/first" || bad "nobody said that it waits"
(cd "$work/tree" && make help) >"$work/said" 2>&1 || bad "make help"
grep -qF 'another make' "$work/said" && bad "a make alone waits"

# The way into the root: outside of it, with a host that can be looked at but not used
sed 's#/etc/vaccel-root#/nowhere#' "$sources/scripts/in-root" >"$work/tree/scripts/in-root"
printf '#!/bin/sh\necho "E: no network" >&2\nexit 1\n' >"$work/tree/scripts/build-root"
chmod +x "$work/tree/scripts/build-root"
env -u HOME -u VACCEL_CACHE -u XDG_CACHE_HOME "VACCEL_CACHE=$work/cache" \
	"$work/tree/scripts/in-root" true >"$work/said" 2>&1 && bad "it works without a root"
says 'the build root could not be made, see above. It needs 5 GB'
VACCEL_CACHE=/proc/cache "$work/tree/scripts/in-root" true >"$work/said" 2>&1 && bad "it writes to /proc"
says 'cannot write to /proc/cache: VACCEL_CACHE names another place'
# A user without rights and without sudo, and without HOME
printf '#!/bin/sh\necho 1000\n' >"$work/bin/id"
for tool in bash sh dirname getent cut; do
	ln -s "$(command -v $tool)" "$work/bin/$tool"
done
chmod +x "$work/bin/id"
env -u HOME "PATH=$work/bin" "$work/tree/scripts/in-root" true >"$work/said" 2>&1 && bad "it needs no rights"
says 'root rights are needed to enter the build root: install sudo'
# The same where users may have namespaces: who is root in one needs no sudo, is no other user in the build
# root, and the script that makes the root finds a sudo.
cp -r "$sources/scripts/rootless" "$work/tree/scripts/"
cat >"$work/bin/unshare" <<'EOF'
#!/bin/sh
case " $* " in
*' --user '*)
	echo "a namespace" >>"$0.said"
	while [ "$1" != -- ]; do shift; done
	shift
	exec "$@"
	;;
esac
printf ' %s' "$@" >>"$0.said"
EOF
printf '#!/bin/sh\nsudo --preserve-env=http_proxy true && echo /the/root\n' >"$work/tree/scripts/build-root"
printf '#!/bin/sh\n' | tee "$work/bin/mmdebstrap" >"$work/bin/true"
chmod +x "$work/bin/unshare" "$work/bin/mmdebstrap" "$work/bin/true"
ln -s "$(command -v mkdir)" "$work/bin/mkdir"
(cd "$work/tree" && env "VACCEL_CACHE=$work/cache" "PATH=$work/bin" scripts/in-root some command) \
	>"$work/said" 2>&1 || bad "a namespace does not do"
[ "$(grep -c '^a namespace$' "$work/bin/unshare.said")" = 3 ] || bad "not all of it is in a namespace"
tail -n 1 "$work/bin/unshare.said" | grep -qF " /the/root $work/tree $work/cache /src 0 0 0 some command" || {
	cat "$work/bin/unshare.said" >&2
	bad "the command is not root's in the namespace"
}
exit $failed
