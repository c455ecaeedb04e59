#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   locale.sh SOURCE_ROOT
#
# Nothing in the library, a plugin or the host's processes makes or reads numbers with a fraction but
# by src/decimal.h: with printf() and scanf() the program's locale would decide what they look like.

cd "$1" || exit 1
LC_ALL=C grep -rnE --include='*.[ch]' --exclude=decimal.h \
	'%[-+ #0-9.*]*(l|L)?[aefgAEFG]([^A-Za-z0-9_]|$)|(strto(d|f|ld)|atof|v?[fs]?scanf|setlocale) *\(' \
	src plugins host
[ $? = 1 ] && grep -q '%\.\*f' src/decimal.h
