#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   layers.sh SOURCE_ROOT
#
# The driver's files are layers, in the order of driver/Kbuild: none calls a function of one above it.
# To call a function a file must see its declaration, so: NAME.c and NAME.h include only headers of layers
# below, what NAME.h declares is in NAME.c, and no .c file declares what is not its own. The driver's
# objects, where they are newer than the sources, are asked the same directly. Then copies of the
# sources with forbidden calls must be found out.

set -u
LC_ALL=C
export LC_ALL
src=$1/driver objects=$1/build/driver
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

order() { sed -n 's/^virtio_accel-y := //p' "$1/Kbuild" | sed 's/\.o//g'; }

# Functions and variables that a file declares for others. Those begin at the start of a line, where no
# comment has a letter.
declared() {
	awk '
		/^extern / || /^[a-z_].*accel_[a-z_]+\(/ && !/^static / { text = ""; on = 1 }
		on { text = text " " $0 }
		on && /[;{]/ {
			on = 0
			if (text !~ /^[^{]*;/)
				next
			match(text, /accel_[a-z_]+[(;]/)
			print substr(text, RSTART, RLENGTH - 1)
		}' "$1" | sort -u
}

# Functions and variables that a .c file has for others
defined() {
	grep -E '^[a-z_]' "$1" | grep -vE '^static|^(module|MODULE)_|;$' |
		sed 's/[(=].*//' | grep -oE 'accel_[a-z_]+ *$' | tr -d ' '
	grep -E '^struct [a-z_]+ \*accel_[a-z_]+;$' "$1" | grep -oE 'accel_[a-z_]+;$' | tr -d ';'
}

# check_includes FILE HEADER...: prints which headers of this directory FILE includes besides these
check_includes() {
	file=$1
	shift
	sed -n 's/^#include "\(.*\)\.h"$/\1/p' "$file" | while read -r used; do
		case " $* " in
		*" $used "*) ;;
		*) echo "${file##*/} includes $used.h" ;;
		esac
	done
}

# check DIRECTORY: prints what is wrong with the sources
check() {
	below='device compat'
	for layer in $(order "$1"); do
		c=$1/$layer.c h=$1/$layer.h
		# shellcheck disable=SC2086
		check_includes "$c" $below "$layer"
		declared "$c" | sed "s/^/$layer.c declares /"
		if [ -e "$h" ]; then
			# shellcheck disable=SC2086
			check_includes "$h" $below
			declared "$h" >"$work/declared"
			[ -s "$work/declared" ] || echo "$layer.h declares nothing"
			defined "$c" | sort -u | comm -13 - "$work/declared" |
				sed "s/^/$layer.h declares what $layer.c has not: /"
		fi
		below="$below $layer"
	done
}

# check_objects DIRECTORY: prints the symbols that objects take from layers above
check_objects() {
	: >"$work/below"
	for layer in $(order "$src"); do
		nm --defined-only -g "$1/$layer.o" | sed 's/.* //' >>"$work/below"
		nm -u "$1/$layer.o" | sed 's/.* //' | grep '^accel_' | sort -u >"$work/used"
		sort -u "$work/below" | comm -13 - "$work/used" | sed "s/^/$layer.o takes from above: /"
	done
}

failed=0
fail() {
	echo "$*"
	failed=1
}

[ "$(order "$src" | wc -w)" -gt 5 ] || fail "driver/Kbuild names no layers"
for file in "$src"/*.c; do
	case " $(order "$src") " in
	*" $(basename "$file" .c) "*) ;;
	*) fail "${file##*/} is no layer" ;;
	esac
done
wrong=$(check "$src")
[ -z "$wrong" ] || fail "$wrong"

for dir in "$objects"/*/; do
	if [ ! -e "$dir/virtio_accel.ko" ] ||
		[ -n "$(find "$src" -name '*.[ch]' -newer "$dir/virtio_accel.ko")" ]; then
		continue
	fi
	wrong=$(check_objects "$dir")
	[ -z "$wrong" ] || fail "$dir: $wrong"
	echo "looked at the objects in $dir"
done

# must_fail FILE LINE WHAT: with a line more at the end of a file, check() says WHAT.
must_fail() {
	rm -rf "$work/copy"
	mkdir "$work/copy"
	cp "$src"/*.[ch] "$src/Kbuild" "$work/copy"
	echo "$2" >>"$work/copy/$1"
	check "$work/copy" | grep -qF "$3" || fail "a forbidden call was not found: $1: $2"
}
must_fail queue.c '#include "context.h"' 'queue.c includes context.h'
must_fail request.h '#include "context.h"' 'request.h includes context.h'
must_fail queue.c 'void accel_context_put(struct accel_context *ctx);' 'queue.c declares accel_context_put'
must_fail request.c 'extern const struct file_operations accel_fops;' 'request.c declares accel_fops'
must_fail queue.h 'void accel_context_put(struct accel_context *ctx);' 'has not: accel_context_put'
exit $failed
