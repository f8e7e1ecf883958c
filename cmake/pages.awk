# SPDX-License-Identifier: Apache-2.0
# Cuts things out of the manual pages, man/*.scd: the pages are the only place where the words about options are kept.
#   mode=help      C initialisers for cmd/help.c
#   mode=options   "COMMAND OPTION", one line each, refused ones too
#   mode=bash, zsh, fish   the completion file: skeleton with the line @OPTIONS@ replaced
# Portable awk: mawk, gawk, busybox.

function fail(text) {
	print FILENAME ":" FNR ": " text > "/dev/stderr"
	failed = 1
	exit 1
}

# scdoc's markup away: *bold*, _underlined_ (not inside of words), backslashes
function plain(s,    out, i, c, before, after) {
	out = ""
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		before = i > 1 ? substr(s, i - 1, 1) : " "
		after = i < length(s) ? substr(s, i + 1, 1) : " "
		if (c == "\\") {
			out = out after
			i++
		} else if (c == "*") {
			continue
		} else if (c == "_" && (before !~ /[A-Za-z0-9]/ || after !~ /[A-Za-z0-9]/)) {
			continue
		} else {
			out = out c
		}
	}
	return out
}

function c_string(s) {
	gsub(/\\/, "&&", s)
	gsub(/"/, "\\\"", s)
	return "\"" s "\\n\"\n\t\t"
}

function shell_quote(s) {
	gsub(/'/, "'\\''", s)
	return "'" s "'"
}

function end_page() {
	if (command == "?")
		return
	pages[++n_pages] = command
	if (!(command in summary))
		fail("no NAME section before the end of page " command)
}

# the names in a heading line: "*-f*, *--file*=_FILE_" -> "-f --file"
function names_of(line,    out, n, words, i, w) {
	out = ""
	n = split(line, words, /[ ,=]+/)
	for (i = 1; i <= n; i++) {
		w = words[i]
		sub(/\[.*/, "", w)
		if (w !~ /^\*-/)
			continue
		gsub(/\*/, "", w)
		out = out (out == "" ? "" : " ") w
	}
	return out
}

function add_help(line) {
	help[command] = help[command] c_string(line)
}

function add_title(line) {
	add_help("")
	add_help(line)
}

BEGIN { command = "?" }

FNR == 1 {
	end_page()
	command = $1
	sub(/\([0-9]\).*/, "", command)
	sub(/^mica-?/, "", command)
	help[command] = ""
	section = ""
	paragraphs = 0
	next
}

/^# / {
	section = substr($0, 3)
	blank = 0
	if (section == "OPTIONS" || section == "GLOBAL OPTIONS")
		add_title("Options:")
	if (section == "EXAMPLES")
		add_title("Examples:")
	next
}

/^;/ { next } # a comment

section == "NAME" && / - / {
	summary[command] = plain(substr($0, index($0, " - ") + 3))
	next
}

section == "SYNOPSIS" && NF {
	usage = plain($0)
	sub(/\+\+$/, "", usage)
	add_help((paragraphs++ ? "       " : "Usage: ") usage)
	next
}

# the first paragraph says what it is for
section == "DESCRIPTION" {
	if (!NF)
		blank++
	else if (blank == 1) {
		if (!described[command]++)
			add_help("")
		add_help(plain($0))
	}
	next
}

(section == "OPTIONS" || section == "GLOBAL OPTIONS" || section == "REFUSED OPTIONS") && /^\*-/ {
	refused = section == "REFUSED OPTIONS"
	head = names_of($0)
	n = split(head, each, " ")
	for (i = 1; i <= n; i++)
		if (mode == "options")
			print (command == "" ? "mica" : command), each[i]
	if (refused)
		next
	options[command, ++n_options[command]] = head
	takes[command, n_options[command]] = ($0 ~ /=_/)
	add_help("  " plain($0))
	want_text = 1
	next
}

(section == "OPTIONS" || section == "GLOBAL OPTIONS") && /^\t/ {
	sub(/^\t+/, "")
	add_help("        " plain($0))
	if (want_text) {
		what = plain($0)
		sub(/[.:;,].*/, "", what)
		meaning[command, n_options[command]] = what
	}
	want_text = 0
	next
}

# "++" at the end goes on in the next line, which is not indented
section == "EXAMPLES" && (/^\t/ || goes_on) {
	sub(/^\t+/, "")
	goes_on = sub(/\+\+$/, "")
	add_help("  " plain($0))
	next
}

function all_names(command, long_only,    out, k, n, each, i) {
	out = ""
	for (k = 1; k <= n_options[command]; k++) {
		n = split(options[command, k], each, " ")
		for (i = 1; i <= n; i++)
			if (!long_only || each[i] ~ /^--/)
				out = out (out == "" ? "" : " ") each[i]
	}
	return out (out == "" ? "" : " ") "--help"
}

# "manifest-add", where "manifest" is a page too
function is_subcommand(page,    i) {
	for (i = 1; i <= n_pages; i++)
		if (pages[i] != "" && index(page, pages[i] "-") == 1)
			return 1
	return 0
}

function print_bash(    i) {
	for (i = 1; i <= n_pages; i++)
		printf "\t%s) options='%s' ;;\n", pages[i] == "" ? "''" : pages[i], all_names(pages[i], 1)
}

function zsh_escape(s) {
	gsub(/:/, "\\:", s)
	return shell_quote(s)
}

function print_zsh(    i, k, n, each, j) {
	for (i = 1; i <= n_pages; i++) {
		printf "\t%s) options=(\n", pages[i] == "" ? "''" : pages[i]
		for (k = 1; k <= n_options[pages[i]]; k++) {
			n = split(options[pages[i], k], each, " ")
			for (j = 1; j <= n; j++)
				printf "\t\t%s%s:%s\n", each[j], takes[pages[i], k] && each[j] ~ /^--/ ? "=" : "", \
					zsh_escape(meaning[pages[i], k])
		}
		print "\t) ;;"
	}
	print "\tesac"
	print "\tcommands=("
	for (i = 1; i <= n_pages; i++)
		if (pages[i] != "" && !is_subcommand(pages[i]))
			printf "\t\t%s:%s\n", pages[i], zsh_escape(summary[pages[i]])
	n = split("builder buildx container image system", each, " ")
	for (i = 1; i <= n; i++)
		printf "\t\t%s:%s\n", each[i], shell_quote("commands as docker and podman call them")
	print "\t)"
}

function print_fish(    i, k, n, each, j, line) {
	for (i = 1; i <= n_pages; i++) {
		if (pages[i] != "" && !is_subcommand(pages[i]))
			printf "complete -c mica -n __mica_no_command -f -a %s -d %s\n", pages[i], \
				shell_quote(summary[pages[i]])
		for (k = 1; k <= n_options[pages[i]]; k++) {
			line = "complete -c mica -n " (pages[i] == "" ? "__mica_no_command" : "'__mica_command " pages[i] "'")
			n = split(options[pages[i], k], each, " ")
			for (j = 1; j <= n; j++)
				line = line (each[j] ~ /^--/ ? " -l " substr(each[j], 3) : " -s " substr(each[j], 2))
			print line (takes[pages[i], k] ? " -r" : "") " -d " shell_quote(meaning[pages[i], k])
		}
	}
}

END {
	if (failed || mode == "options")
		exit failed
	end_page()
	if (mode == "help") {
		for (i = 1; i <= n_pages; i++) {
			command = pages[i]
			print "\t{"
			print "\t\t\"" command "\","
			s = c_string(summary[command])
			sub(/\\n"\n\t\t$/, "\"", s)
			print "\t\t" s ","
			print "\t\t" help[command] ","
			print "\t},"
		}
		exit
	}
	while ((getline line < skeleton) > 0) {
		if (line ~ /@OPTIONS@/) {
			if (mode == "bash")
				print_bash()
			else if (mode == "zsh")
				print_zsh()
			else
				print_fish()
		} else if (line ~ /@COMMANDS@/) {
			names = "builder buildx container image system"
			for (i = 1; i <= n_pages; i++)
				if (pages[i] != "" && !is_subcommand(pages[i]))
					names = names " " pages[i]
			sub(/@COMMANDS@/, names, line)
			print line
		} else if (line ~ /@SUBCOMMANDS@/) {
			names = ""
			for (i = 1; i <= n_pages; i++)
				if (is_subcommand(pages[i]))
					names = names (names == "" ? "" : " ") pages[i]
			sub(/@SUBCOMMANDS@/, names, line)
			print line
		} else {
			print line
		}
	}
}
