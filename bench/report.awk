# SPDX-License-Identifier: Apache-2.0
#
# The table of bench/run: bench/goals first, then what vaccel-bench printed. Lines that begin with
# "{" are for results.json, the others are the table, in Markdown. settings: those that ran.

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

# One line of the table and of results.json; ratio is "" when nothing was measured
function add(i, value, unit, text, against, ratio,    pass, verdict) {
	if (ratio == "") {
		verdict = "not measured"
	} else {
		pass = sense[i] == "at most" ? ratio + 0 <= goal[i] + 0 : ratio + 0 >= goal[i] + 0
		verdict = pass ? "PASS" : "gap: " number(sense[i] == "at most" ? \
			(goal[i] ? ratio / goal[i] : ratio) : goal[i] / ratio) " x"
	}
	total++
	passed += pass
	rows[total] = sprintf("| %s | %s | %s | %s | %s %s | %s |", name[i], text, against,
		ratio == "" ? "-" : number(ratio), sense[i], goal[i], verdict)
	printf "{\"name\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"comparator\":\"%s\",\"ratio\":%s," \
		"\"goal\":\"%s %s\",\"pass\":%s}\n", name[i], ratio == "" ? "null" : value, unit,
		comparator[i], ratio == "" ? "null" : ratio, sense[i], goal[i], pass ? "true" : "false"
}

BEGIN {
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
	cpu[key ~ /^VM|^big/ ? "VM" : "native"] = field($0, "cpu")
	load = field($0, "load") + 0
	# In a VM the load is the guest's.
	if (key !~ /^VM|^big/) {
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
	# The probes have the label of the first of their lines.
	if (field($0, "probe") != "") {
		sub(/[^ ]*$/, field($0, "probe"), key)
		raw[key, "idle"] = $0
	} else if (field($0, "copied") != "") {
		raw[key, "none"] = $0
	} else if (field($0, "comparator") != "") {
		raw[key, field($0, "comparator")] = $0
	}
}

END {
	for (i = 1; i <= nr; i++) {
		found = raw[name[i], comparator[i]]
		if (found == "") {
			add(i, "", "us", "-", comparator[i], "")
		} else if (field(found, "copied") != "") {
			value = field(found, "copied")
			add(i, value, "bytes", value " bytes", "", value)
		} else if (field(found, "probe") != "") {
			value = field(found, "busy_median_us")
			add(i, value, "us", time(value), "idle " time(field(found, "idle_median_us")),
			    field(found, "ratio"))
		} else if (comparator[i] == "single") {
			value = field(found, "ops_per_s")
			add(i, value, "1/s", sprintf("%.0f/s", value), sprintf("one thread %.0f/s",
			    field(found, "comparator_ops_per_s")), field(found, "faster"))
		} else {
			value = field(found, "median_us")
			faster = field(found, "faster")
			add(i, value, "us", time(value), comparator[i] " " \
			    time(field(found, "comparator_median_us")),
			    sprintf("%.4f", sense[i] == "at most" ? 1 / faster : faster))
		}
	}
	if (nr) {
		print "| what | median | against | ratio | goal | |"
		print "| --- | --- | --- | --- | --- | --- |"
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
	printf "%d of %d goals reached.\n", passed, total
}
