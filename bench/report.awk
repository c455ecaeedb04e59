# SPDX-License-Identifier: Apache-2.0
#
# The table of bench/run: bench/goals first, then what vaccel-bench printed. Lines that begin with
# "{" are for results.json, the others are the table, in Markdown. settings: those that ran.
#
# A line was measured by several processes. What it says is the median of those that the machine did not disturb;
# of all, and the line is marked, when those are not the greater part. A process was disturbed when others
# used more than MAX_OTHERS percent of a processor meanwhile, or when copying 1 MiB took more than MAX_SLOW
# times as long as it did in the median of the run. The same goes for a copy of what the other processor has just
# written. Where that takes more than MAX_FAR times as long as other copies in the median, the last line says so.

function field(text, key,    at) {
	at = index(text, "\"" key "\":")
	if (!at)
		return ""
	text = substr(text, at + length(key) + 3)
	if (text ~ /^"/) {
		text = substr(text, 2)
		return substr(text, 1, index(text, "\"") - 1)
	}
	match(text, /^[-+0-9.e]+/)
	return substr(text, 1, RLENGTH)
}

function time(us) {
	us += 0
	return us >= 10000 ? sprintf("%.1f ms", us / 1000) : sprintf("%.1f us", us)
}

function number(x) {
	x += 0
	return x >= 100 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x)
}

# Sorts list[1..n], which are numbers.
function sort(list, n,    i, k, x) {
	for (i = 2; i <= n; i++) {
		x = list[i]
		for (k = i - 1; k >= 1 && list[k] > x; k--)
			list[k + 1] = list[k]
		list[k + 1] = x
	}
}

# The median of a key in the first n of rec; rec itself stays as it is. "" when none has it.
function middle(rec, n, key,    i, nr, x, list) {
	for (i = 1; i <= n; i++) {
		x = field(rec[i], key)
		if (x != "")
			list[++nr] = x + 0
	}
	sort(list, nr)
	return !nr ? "" : nr % 2 ? list[(nr + 1) / 2] : (list[nr / 2] + list[nr / 2 + 1]) / 2
}

function place(label) { return label ~ /^VM|^big/ ? "VM" : "native" }

# How many times as fast, or as long, a process says a line was
function ratio_of(i, text,    faster) {
	if (comparator[i] == "none")
		return field(text, "copied")
	if (comparator[i] == "idle" || field(text, "says") != "")
		return field(text, "ratio")
	faster = field(text, "faster")
	if (sense[i] == "at most")
		return faster > 0 ? sprintf("%.4f", 1 / faster) : ""
	return faster
}

function is_slow(text, where, key,    us) {
	us = field(text, key)
	return us != "" && us + 0 > MAX_SLOW * usual[where, key]
}

function disturbed(text, where) {
	return field(text, "others") + 0 > MAX_OTHERS || is_slow(text, where, "memcpy_us") ||
		is_slow(text, where, "handed_over_us")
}

# One line of the table and of results.json; ratio is "" when nothing was measured
function add(i, value, unit, text, against, ratio, lowest, highest, rec, n, undisturbed,
	     pass, verdict, spread, marked, copy, over, wake) {
	marked = n && 2 * undisturbed <= n
	if (ratio == "") {
		verdict = "not measured"
	} else {
		pass = sense[i] == "at most" ? ratio + 0 <= goal[i] + 0 : ratio + 0 >= goal[i] + 0
		verdict = pass ? "PASS" : "gap: " number(sense[i] == "at most" ? \
			(goal[i] ? ratio / goal[i] : ratio) : goal[i] / ratio) " x"
		if (marked) {
			verdict = verdict ", disturbed"
			nr_marked++
		}
	}
	spread = n > 1 ? number(lowest) " to " number(highest) : ""
	copy = middle(rec, n, "memcpy_us")
	over = middle(rec, n, "handed_over_us")
	wake = middle(rec, n, "wakeup_us")
	total++
	passed += pass
	rows[total] = sprintf("| %s | %s | %s | %s | %s | %s %s | %s | %s | %s | %s |", name[i], text, against,
		ratio == "" ? "-" : number(ratio), spread, sense[i], goal[i], verdict,
		copy == "" ? "" : time(copy), over == "" ? "" : time(over), wake == "" ? "" : time(wake))
	printf "{\"name\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"comparator\":\"%s\",\"ratio\":%s," \
		"\"lowest\":%s,\"highest\":%s,\"processes\":%d,\"undisturbed\":%d,\"memcpy_us\":%s," \
		"\"handed_over_us\":%s,\"wakeup_us\":%s,\"goal\":\"%s %s\",\"pass\":%s,\"disturbed\":%s}\n", name[i],
		ratio == "" ? "null" : value, unit, comparator[i], ratio == "" ? "null" : ratio,
		ratio == "" ? "null" : lowest, ratio == "" ? "null" : highest, n, undisturbed,
		copy == "" ? "null" : copy, over == "" ? "null" : over, wake == "" ? "null" : wake, sense[i], goal[i],
		pass ? "true" : "false", marked ? "true" : "false"
}

# The line i of the goals
function report(i,    n, k, key, all, kept, nr, ratios, ratio, value) {
	key = name[i] SUBSEP comparator[i]
	n = count[key]
	for (k = 1; k <= n; k++) {
		all[k] = raw[key, k]
		if (!disturbed(all[k], place(name[i])))
			kept[++nr] = all[k]
	}
	if (2 * nr <= n)
		for (k = 1; k <= n; k++)
			kept[k] = all[k]
	k = 2 * nr <= n ? n : nr
	if (!n) {
		add(i, "", "us", "-", comparator[i], "", "", "", all, 0, 0)
		return
	}
	for (n = 1; n <= k; n++)
		ratios[n] = ratio_of(i, kept[n]) + 0
	n = count[key]
	sort(ratios, k)
	ratio = k % 2 ? ratios[(k + 1) / 2] : (ratios[k / 2] + ratios[k / 2 + 1]) / 2
	if (comparator[i] == "none") {
		value = middle(kept, k, "copied")
		add(i, value, "bytes", value " bytes", "", ratio, ratios[1], ratios[k], all, n, nr)
	} else if (comparator[i] == "idle") {
		value = middle(kept, k, "busy_median_us")
		add(i, value, "us", time(value), "idle " time(middle(kept, k, "idle_median_us")), ratio,
		    ratios[1], ratios[k], all, n, nr)
	} else if (field(kept[1], "says") != "") {
		add(i, ratio, "", field(kept[1], "says"), field(kept[1], "beside"), ratio, ratios[1], ratios[k], all, n, nr)
	} else if (comparator[i] == "single") {
		value = middle(kept, k, "ops_per_s")
		add(i, value, "1/s", sprintf("%.0f/s", value), sprintf("one thread %.0f/s",
		    middle(kept, k, "comparator_ops_per_s")), ratio, ratios[1], ratios[k], all, n, nr)
	} else {
		value = middle(kept, k, "median_us")
		add(i, value, "us", time(value), comparator[i] " " \
		    time(middle(kept, k, "comparator_median_us")), ratio, ratios[1], ratios[k], all, n, nr)
	}
}

BEGIN {
	MAX_OTHERS = 10
	MAX_SLOW = 1.4
	MAX_FAR = 2
	nr_settings = split(settings, list, " ")
	for (i = 1; i <= nr_settings; i++)
		ran[list[i]] = 1
	FS = "|"
}

FNR == NR {
	if ($0 !~ /^#/ && NF == 6 && $4 != "" && $1 in ran) {
		nr++
		name[nr] = $2
		comparator[nr] = $3
		sense[nr] = $4
		goal[nr] = $5
	}
	next
}

{
	key = field($0, "label")
	where = place(key)
	if (field($0, "cpu") != "")
		cpu[where] = field($0, "cpu")
	if (field($0, "memcpy_us") != "")
		looks[where, ++nr_looks[where]] = $0
	load = field($0, "load") + 0
	# In a VM the load is the guest's.
	if (where == "native" && field($0, "load") != "") {
		if (lowest == "" || load < lowest)
			lowest = load
		if (load > highest)
			highest = load
	}
	if (key == "big") {
		if (field($0, "bytes") + 0 > big[field($0, "op")] + 0)
			big[field($0, "op")] = field($0, "bytes")
		nr_big++
		next
	}
	against = field($0, "comparator")
	# The probes have the label of the first of their lines.
	if (field($0, "probe") != "") {
		sub(/[^ ]*$/, field($0, "probe"), key)
		against = "idle"
	} else if (field($0, "copied") != "") {
		against = "none"
	}
	if (against != "")
		raw[key, against, ++count[key, against]] = $0
}

END {
	for (where in nr_looks) {
		for (i = 1; i <= nr_looks[where]; i++)
			seen[i] = looks[where, i]
		usual[where, "memcpy_us"] = middle(seen, nr_looks[where], "memcpy_us")
		usual[where, "handed_over_us"] = middle(seen, nr_looks[where], "handed_over_us")
	}
	for (i = 1; i <= nr; i++)
		report(i)
	if (nr) {
		print "| what | median | against | ratio | lowest to highest | goal | | copy of 1 MiB | of another's | wake-up |"
		print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
		for (i = 1; i <= total; i++)
			print rows[i]
		print ""
	}
	if (nr_big)
		printf "%d transfers of up to %.0f MiB to the host and %.0f MiB back, every byte " \
			"right.\n", nr_big, big["sum"] / 1048576, big["fill"] / 1048576
	for (where in cpu)
		printf "%s: %s. ", where, cpu[where]
	if (lowest != "")
		printf "Load %.1f to %.1f. ", lowest, highest
	far = usual["native", "memcpy_us"] ? usual["native", "handed_over_us"] / usual["native", "memcpy_us"] : 0
	if (far > MAX_FAR)
		printf "The processors are far from each other: to copy what the other one wrote takes %.1f times " \
			"as long as other copies. ", far
	printf "%d of %d goals reached", passed, total
	if (nr_marked)
		printf "; %d line%s disturbed by the machine: measure again", nr_marked,
			nr_marked == 1 ? " was" : "s were"
	print "."
}
