# SPDX-License-Identifier: Apache-2.0
#
# Turns headers into one page; see api-doc. A header starts with a comment about all of it.
# After that each comment belongs to the declarations that follow it without an empty line; a
# comment that is followed by an empty line belongs to the next declarations.

function item_add(line) { code = code line "\n" }

# What a reader needs of a declaration: no attributes, no bodies.
function item_end(   kept) {
	kept = code
	code = ""
	if (kept == "" )
		return
	nr_items++
	item_code[nr_items] = kept
	item_text[nr_items] = comment
	item_deprecated[nr_items] = deprecated
	comment = deprecated = ""
}

# "typedef enum" from the list of enumerators and the macro that defines it
function enum_item(line,   f, i) {
	split(line, f, /[(,)] */)
	item_add("typedef enum {")
	for (i = 1; i <= nr_enums; i++)
		item_add("\t" enums[i] ",")
	item_add("\t" prefix "_MAX")
	item_add("} " f[2] "_t;")
	item_add("const char *" f[2] "_to_str(" f[2] "_t value);")
	item_add("const char *" f[2] "_to_base_str(" f[2] "_t value);")
	item_add("char *" f[2] "_name(" f[2] "_t value, char *lower, size_t size);")
	nr_enums = 0
}

function comment_line(line) {
	if (top == 1)
		about = about line "\n"
	else
		comment = comment line "\n"
}

FNR == 1 { item_end(); comment = ""; top = 0; skip = 0; body = 0; in_comment = 0 }

# Comments
!in_comment && /^\/\* (SPDX|clang-format)/ { next }
!in_comment && /^\/\*/ {
	if (!top) { top = 1; if (about != "") about = about "\n" }
	else { top = 2; if (code != "") item_end(); else if (comment != "") comment = comment "\n" }
	line = $0
	sub(/^\/\*[ \t]*/, "", line)
	if (line ~ /\*\/$/) { sub(/[ \t]*\*\/$/, "", line); comment_line(line) }
	else { in_comment = 1; if (line != "") comment_line(line) }
	next
}
in_comment {
	line = $0
	if (line ~ /\*\//) { in_comment = 0; sub(/[ \t]*\*\/.*/, "", line); if (line == "") next }
	sub(/^ \* ?/, "", line)
	comment_line(line)
	next
}

# Members as programs of 0.7 see them
/^#ifdef VACCEL_API_0_7/ { old = 1; next }
old { if (/^#(else|endif)/) old = 0; next }

# What is for the compiler only
/^#(pragma|include|ifdef|ifndef|endif|undef|else|if)/ || /^extern "C"/ { next }
/^#define _ENUM_PREFIX/ { prefix = $3; next }
/^#define VACCEL_[A-Z]+_TYPE_ENUM_LIST|^#define VACCEL_LOG_LEVEL_ENUM_LIST/ { in_list = 1; next }
in_list && match($0, /ITEM\([A-Z0-9_]+/) {
	enums[++nr_enums] = prefix "_" substr($0, RSTART + 5, RLENGTH - 5)
	if (match($0, /, (0x)?[0-9a-f]+,/))
		enums[nr_enums] = enums[nr_enums] " = " substr($0, RSTART + 2, RLENGTH - 3)
	next
}
in_list { in_list = 0 }
/^VACCEL_ENUM_DEF_WITH_STR_FUNCS/ { enum_item($0); next }
/^VACCEL_ARG_NUMERIC_TYPES/ { next }

# Bodies of inline functions and of macros
body { if (/^}/) body = 0; next }
/^{/ { body = 1; sub(/\n$/, ";\n", code); next }
/^#define VACCEL_[A-Z_]*DEPRECATED/ { skip = /\\$/; next }
skip { skip = /\\$/; next }
/^#define .*\\$/ {
	skip = 1
	line = $0
	sub(/[ \t]*\\$/, "", line)
	if (match(line, /^#define [A-Za-z0-9_]+\([^)]*\)/))
		line = substr(line, 1, RLENGTH)
	item_add(line)
	next
}

/^$/ { item_end(); next }
/^}$/ { next }
{
	line = $0
	if (match(line, /deprecated\("[^"]*"\)/))
		deprecated = substr(line, RSTART + 12, RLENGTH - 14)
	else if (line ~ /(DEPRECATED|\(\(deprecated\)\))/)
		deprecated = deprecated ? deprecated : "yes"
	sub(/__attribute__\(\(deprecated(\("[^"]*"\))?\)\) ?/, "", line)
	if (match(line, /^VACCEL_COMPAT_USE\("[^"]*"\)/)) {
		deprecated = "use " substr(line, 20, RLENGTH - 21)
		line = substr(line, RLENGTH + 1)
		sub(/^ /, "", line)
	}
	marked = sub(/^VACCEL_[A-Z_]*DEPRECATED ?/, "", line)
	sub(/^static inline /, "", line)
	if (marked) code = code "\001" # keeps track for filters
	if (line != "")
		item_add(line)
}

function wanted(i) {
	if (filter == "all")
		return 1
	if (substr(filter, 1, 1) == "!")
		return item_code[i] !~ substr(filter, 3, length(filter) - 3) && item_code[i] !~ /\001/
	if (filter ~ /ARG_LIST/ && item_code[i] ~ /\001/)
		return 1
	return item_code[i] ~ substr(filter, 2, length(filter) - 2)
}

# Function names of a declaration: a word before a parenthesis at the start of a declaration
function functions(text, out,   n, lines, i, depth, s) {
	n = split(text, lines, "\n")
	for (i = 1; i <= n; i++) {
		s = lines[i]
		if (s ~ /^[ \t#}]/ || s ~ /^(typedef|struct [a-z_]+ {|enum)/)
			continue
		if (match(s, /(vaccel|slog|register)_[a-z0-9_]+\(/))
			out = out substr(s, RSTART, RLENGTH - 1) "\n"
	}
	return out
}

# Manual page
function troff(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	if (text ~ /^[.']/)
		text = "\\\\&" text
	return text
}

# A row of a list: indented, a name, two blanks or more, text.
function is_row(s) { return s ~ /^[ \t]+[^ \t]([^\t]*[^ \t])?  +[^ \t]/ }
function row_name(s) { sub(/^[ \t]+/, "", s); sub(/  .*/, "", s); return s }
function row_text(s) { sub(/^[ \t]+/, "", s); match(s, /  +/); return substr(s, RSTART + RLENGTH) }

function prose_man(text,   n, lines, i, s, mode) {
	n = split(text, lines, "\n")
	for (i = 1; i < n; i++) {
		s = lines[i]
		if (mode == "list" && s ~ /^[ \t]/ && !is_row(s)) {
			sub(/^[ \t]+/, "", s)
			print troff(s)
			continue
		}
		if (mode == "pre" && s !~ /^[ \t]/) { print ".EE"; mode = "" }
		if (s == "") {
			if (lines[i + 1] !~ /^@/ && !is_row(lines[i + 1])) print ".PP"
			mode = ""
		} else if (s ~ /^@/ && match(s, /^[^:]*:/)) {
			print ".TP\n.I " troff(substr(s, 2, RLENGTH - 2))
			s = substr(s, RLENGTH + 1)
			sub(/^ /, "", s)
			print troff(s)
			mode = "list"
		} else if (mode != "pre" && is_row(s)) {
			print ".TP\n.B " troff(row_name(s)) "\n" troff(row_text(s))
			mode = "list"
		} else if (s ~ /^[ \t]/) {
			if (mode != "pre") print ".EX"
			print troff(s)
			mode = "pre"
		} else {
			if (mode == "list") print ".PP"
			print troff(s)
			mode = ""
		}
	}
	if (mode == "pre") print ".EE"
}

function clean(text) { gsub(/\001/, "", text); return text }

# The first line of a comment may be "name - what it does": make a sentence of the rest.
function sentence(text,   end) {
	if (!sub(/^[a-z_0-9]+ - /, "", text))
		return text
	end = match(text, /\n(\n|@|$)/)
	if (substr(text, end - 1, 1) != ".")
		text = substr(text, 1, end - 1) "." substr(text, end)
	return toupper(substr(text, 1, 1)) substr(text, 2)
}

function man(   i, n, h, f, all, see) {
	print ".\\\" SPDX-License-Identifier: Apache-2.0"
	print ".\\\" Made from the headers by man/api-doc."
	print ".TH " name " 3 " date " \"vaccel " version "\" \"vAccel\""
	print ".nh\n.ad l"
	print ".SH NAME"
	for (i = 1; i <= nr_items; i++)
		if (wanted(i))
			all = functions(item_code[i], all)
	n = split(all, f, "\n")
	h = name
	for (i = 1; i < n; i++)
		if (f[i] != name)
			h = h ",\n" f[i]
	print h " \\- " summary
	print ".SH SYNOPSIS"
	print ".nf"
	for (i = 1; i < ARGC; i++) {
		h = ARGV[i]
		sub(/.*\/include\//, "", h)
		print ".B #include <" h ">"
	}
	print ".PP"
	print "Link with \\fI\\-lvaccel\\fP."
	print ".fi"
	print ".SH DESCRIPTION"
	prose_man(about)
	for (i = 1; i <= nr_items; i++) {
		if (!wanted(i))
			continue
		print ".PP"
		print ".EX"
		n = split(clean(item_code[i]), f, "\n")
		for (h = 1; h < n; h++)
			print troff(f[h])
		print ".EE"
		if (item_text[i] == "" && item_deprecated[i] == "")
			continue
		print ".RS 4"
		prose_man(sentence(item_text[i]))
		if (item_deprecated[i] == "yes") print "Deprecated."
		else if (item_deprecated[i] != "") print "Deprecated: " troff(item_deprecated[i]) "."
		print ".RE"
	}
	print ".SH SEE ALSO"
	n = split(pages, f, "\n")
	for (i = 1; i <= n; i++)
		if (f[i] != name)
			see = see (see ? ",\n" : "") ".BR " f[i] " (3)"
	gsub(/\(3\),\n/, "(3),\n", see)
	print see
}

# Markdown
function prose_markdown(text,   n, lines, i, s, mode) {
	n = split(text, lines, "\n")
	for (i = 1; i < n; i++) {
		s = lines[i]
		if (mode == "list" && s ~ /^[ \t]/ && !is_row(s)) {
			sub(/^[ \t]+/, "  ", s)
			print s
			continue
		}
		if (mode == "pre" && s !~ /^[ \t]/) { print "```"; mode = "" }
		if (s == "") {
			print ""
			mode = ""
		} else if (s ~ /^@/ && match(s, /^[^:]*:/)) {
			if (mode != "list") print ""
			print "* `" substr(s, 2, RLENGTH - 2) "`:" substr(s, RLENGTH + 1)
			mode = "list"
		} else if (mode != "pre" && is_row(s)) {
			if (mode != "list") print ""
			print "* `" row_name(s) "`: " row_text(s)
			mode = "list"
		} else if (s ~ /^[ \t]/) {
			if (mode != "pre") print "\n```text"
			print s
			mode = "pre"
		} else {
			if (mode == "list") print ""
			print s
			mode = ""
		}
	}
	if (mode == "pre") print "```"
}

function markdown(   i) {
	print "\n## " name "\n\n" toupper(substr(summary, 1, 1)) substr(summary, 2) ".\n"
	prose_markdown(about)
	for (i = 1; i <= nr_items; i++) {
		if (!wanted(i))
			continue
		printf "\n```c\n%s```\n", clean(item_code[i])
		if (item_text[i] != "") { print ""; prose_markdown(sentence(item_text[i])) }
		if (item_deprecated[i] != "")
			print "\nDeprecated" (item_deprecated[i] == "yes" ? "" : ": " item_deprecated[i]) "."
	}
}

END {
	item_end()
	if (format == "man")
		man()
	else if (format == "markdown")
		markdown()
	else
		for (i = 1; i <= nr_items; i++)
			if (wanted(i))
				printf "%s", functions(item_code[i])
}
