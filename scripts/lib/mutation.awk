# SPDX-License-Identifier: Apache-2.0
# Counts what PIT's mutations.xml says. Variables: root (the folder of the sources), accepted (the
# survivors that are explained), list (where the others are written), min (the percentage of killed
# and explained mutants below which it ends with 1).

# tag NAME: the text of an element of the line.
function tag(name, text) {
	if (!match($0, "<" name ">[^<]*</" name ">"))
		return ""
	text = substr($0, RSTART + length(name) + 2, RLENGTH - 2 * length(name) - 5)
	gsub(/&lt;/, "<", text)
	gsub(/&gt;/, ">", text)
	gsub(/&quot;/, "\"", text)
	gsub(/&#34;/, "\"", text)
	gsub(/&#39;|&apos;/, "'", text)
	gsub(/&amp;/, "\\&", text)
	return text
}

# source FILE NUMBER: a line of a source file, without the blanks around it.
function source(file, number, line, n) {
	if (!(file in read)) {
		read[file] = 1
		n = 0
		while ((getline line < file) > 0) {
			n++
			gsub(/^[ \t]+|[ \t]+$/, "", line)
			lines[file, n] = line
		}
		close(file)
	}
	return lines[file, number]
}

# An entry of accepted.txt is a paragraph: "Class.method Mutator", the line of the source, the reason.
BEGIN {
	while ((getline line < accepted) > 0) {
		if (line ~ /^#/)
			continue
		blank = line ~ /^[ \t]*$/
		gsub(/^[ \t]+|[ \t]+$/, "", line)
		if (blank)
			at = 0
		else if (++at == 1)
			head = line
		else if (at == 2)
			text = line
		else if (at == 3)
			reason[head "\n" text] = line
	}
	close(accepted)
	printf "" > list
}

/<mutation / {
	if (!match($0, /status=['"][A-Z_]+['"]/))
		next
	state = substr($0, RSTART + 8, RLENGTH - 9)
	if (state == "NON_VIABLE")
		next
	type = tag("mutatedClass")
	file = type
	sub(/\$.*/, "", file)
	name = file
	sub(/.*\./, "", name)
	# of two classes of one name the one in a package of its own has that before it
	if (file !~ /^org\.luo4j\.(cache\.)?[A-Z]/) {
		name = file
		sub(/^org\.luo4j\.internal\./, "", name)
	}
	gsub(/\./, "/", file)
	file = root file ".java"
	inner = type
	sub(/^.*\./, "", inner)
	total[name]++
	if ($0 ~ /detected=['"]true['"]/) {
		killed[name]++
		next
	}
	mutator = tag("mutator")
	sub(/.*\./, "", mutator)
	sub(/Mutator.*/, "", mutator)
	head = inner "." tag("mutatedMethod") " " mutator
	text = source(file, tag("lineNumber"))
	if ((head "\n" text) in reason) {
		explained[name]++
		used[head "\n" text] = 1
		next
	}
	printf "%s\n  %s\n  line %s, %s: %s\n\n", head, text, tag("lineNumber"),
		state == "NO_COVERAGE" ? "run by no test" : "survived", tag("description") > list
}

END {
	for (name in total)
		names[++count] = name
	for (i = 2; i <= count; i++)
		for (j = i; j > 1 && names[j - 1] > names[j]; j--) {
			swap = names[j]
			names[j] = names[j - 1]
			names[j - 1] = swap
		}
	for (i = 1; i <= count; i++) {
		name = names[i]
		printf "%-28s %4d of %4d killed, %3d explained, %3.0f %%\n", name, killed[name], total[name],
			explained[name], 100 * (killed[name] + explained[name]) / total[name]
		sumKilled += killed[name]
		sumTotal += total[name]
		sumExplained += explained[name]
	}
	percent = sumTotal == 0 ? 0 : 100 * (sumKilled + sumExplained) / sumTotal
	printf "%-28s %4d of %4d killed, %3d explained, %.1f %%\n", "all", sumKilled, sumTotal, sumExplained, percent
	for (entry in reason) {
		split(entry, part, "\n")
		outer = part[1]
		sub(/[.$].*/, "", outer)
		mine = 0
		for (name in total) {
			simple = name
			sub(/.*\./, "", simple)
			mine = mine || simple == outer
		}
		if (mine && !(entry in used))
			printf "stale in accepted.txt: %s: %s\n", part[1], part[2]
	}
	exit percent < min
}
