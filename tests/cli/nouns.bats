#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What docker and podman have and buildah has not: import, export, diff, tree, exists, and the commands with a noun in front.
load lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mica pull -q busybox >/dev/null
}

teardown() {
	test_teardown
}

@test "export writes what a container has, import makes an image of it" {
	c=$(mica from --quiet busybox)
	mica run "$c" sh -c 'echo new >/new; rm /etc/group; chown 7:8 /new'
	mica export "$c" | tar -tv >list
	grep -qE '^-rw-r--r-- 7/8 +4 .* \./?new$|^-rw-r--r-- 7/8 +4 .* new$' list
	run ! grep -q etc/group list
	mica export -o out.tar "$c"
	[ "$(mica import -q -c 'CMD ["cat", "/new"]' --change ENV=A=b -c 'LABEL x="y z"' --os linux --arch arm64 out.tar copied)" = "$(mica images -q --no-trunc copied | cut -d : -f 2)" ]
	config_of copied >config
	[ "$(jq -c .config.Cmd config)" = '["cat","/new"]' ]
	jq -e '.config.Env | index("A=b")' config
	[ "$(jq -r .config.Labels.x config)" = 'y z' ]
	[ "$(jq -r .architecture config)" = arm64 ]
	[ "$(jq '.rootfs.diff_ids | length' config)" = 1 ]
	mica export "$c" | gzip | mica import -c 'CMD no file to warn of' - piped 2>said
	[[ "$(grep -v '^\[' said)" == 'built localhost/piped:latest '* && "$(grep -c warning said)" = 0 ]] || fail "$(cat said)"
	[ "$(in_image piped cat /new)" = new ]
	[ "$(in_image piped stat -c %u:%g /new)" = 7:8 ]
	assert_clean_store
}

@test "import: an address, no name, and what is refused" {
	mkdir -p "$T/www" files
	echo x >files/x
	tar -C files -cf "$T/www/f.tar" x
	start_www
	id=$(mica import -q "$WWW/f.tar")
	[ "$(mica inspect --type image --format '{{len .RootFS.Layers}}' "$id")" = 1 ]
	[ -z "$(mica images --noheading --format '{{.Name}}' -f "id=$id" | grep -v '<none>')" ]
	run -125 --separate-stderr mica import -c 'RUN true' "$T/www/f.tar"
	assert_error "option '--change': 'RUN true' is not one of CMD"
	run -125 --separate-stderr mica import -c $'CMD a\nRUN true' "$T/www/f.tar"
	assert_error "option '--change'"
	run -125 --separate-stderr mica import nothing.tar
	assert_error "cannot open 'nothing.tar'"
	# one line, which tells of the archive and not of a Containerfile
	head -c 700 /dev/urandom >files/x
	tar -C files -cf - x | head -c 1000 >cut.tar
	run -125 --separate-stderr mica import cut.tar
	[[ "$stderr" = "mica: import: cannot unpack 'cut.tar': damaged tar archive: "* ]] && [ "$(wc -l <<<"$stderr")" = 1 ] || fail "$stderr"
	run -125 --separate-stderr mica import files/x
	[[ "$stderr" = "mica: import: cannot unpack 'files/x': damaged tar archive: "* ]] || fail "$stderr"
	# the image of nothing, as docker's pages have it
	tar -cf - -T /dev/null | mica import -q - nothing
	[ "$(config_of nothing | jq -c .rootfs.diff_ids)" = '[]' ]
	run -125 --separate-stderr mica import -c 'EXPOSE 99999' "$T/www/f.tar"
	[[ "$stderr" = "mica: import: EXPOSE 99999: not a port"* ]] && [ "$(wc -l <<<"$stderr")" = 1 ] || fail "$stderr"
	mica import "$T/www/f.tar" told 2>said
	run ! grep -E 'STEP|archive' said
	mica import -q -m hello -c CMD=x "$T/www/f.tar" noted >/dev/null
	[ "$(config_of noted | jq -c '[.history[].comment] | unique')" = '["hello"]' ]
	run -125 --separate-stderr mica export nothing
	assert_error "'nothing'"
	[ -z "$(ls "$TMPDIR")" ]
	# nor is anything left of one who is killed while it reads
	mkfifo slow
	sleep 300 >slow 3>&- &
	writer=$!
	"$MICA_BIN" --root "$MICA_ROOT" import - killed <slow 3>&- &
	reader=$!
	wait_for 10 compgen -G "$TMPDIR/mica-*/archive" >/dev/null
	kill -9 $reader
	run wait_for 10 rmdir "$TMPDIR"
	kill $writer
	[ "$status" = 0 ] || fail "left: $(ls -R "$TMPDIR")"
	mkdir -m 1777 "$TMPDIR"
}

@test "diff: what a container changed, what the last layer of an image changed" {
	c=$(mica from --quiet busybox)
	[ -z "$(mica diff "$c")" ]
	mica run "$c" sh -c 'echo x >>/etc/passwd; rm /etc/group; mkdir -p /a/b; echo y >/a/b/c; rm -r /var; mkdir /var; echo z >/var/z'
	printf '%s\n' 'A /a' 'A /a/b' 'A /a/b/c' 'C /etc' 'C /etc/passwd' 'C /var' 'A /var/z' 'D /etc/group' 'D /var/lib' | sort >wanted
	mica diff "$c" | sort >got
	diff wanted got
	mica diff --format json "$c" >json
	[ "$(jq -c '.deleted | sort' json)" = '["/etc/group","/var/lib"]' ]
	mica commit -q "$c" changed >/dev/null
	mica diff --type image changed | sort >got
	diff wanted got
	# two of them, whatever their layers are
	mica diff changed busybox | sort >got
	diff wanted got
	mica diff busybox "$c" | sort | tr '\n' ' ' >got
	[ "$(cat got)" = 'A /etc/group A /var/lib C /etc C /etc/passwd C /var D /a D /var/z ' ] || fail "$(cat got)"
	[ -z "$(mica diff changed "$c")" ]
	mica diff busybox | grep -q '^A /bin/sh$'
	run -125 --separate-stderr mica diff --type volume x
	assert_error "option '--type': 'volume' is not one of"
	run -125 --separate-stderr mica diff --format yaml "$c"
	assert_error "option '--format': 'yaml' is not 'json'"
	run -125 --separate-stderr mica diff nothing
	assert_error "nothing"
}

@test "tree: the layers of an image" {
	c=$(mica from --quiet busybox)
	mica run "$c" touch /x
	mica commit -q "$c" two >/dev/null
	mica tree two >out
	grep -q '^Image ID: [0-9a-f]\{12\}$' out
	grep -q '^Tags:     \[localhost/two:latest\]$' out
	grep -q '^├── ID: [0-9a-f]\{12\} Size: .* Top Layer of: \[docker.io/library/busybox:latest\]$' out
	grep -q '^└── ID: [0-9a-f]\{12\} Size: .* Top Layer of: \[localhost/two:latest\]$' out
	mica tree --no-trunc two | grep -q '^Image ID: [0-9a-f]\{64\}$'
}

@test "exists: by exit status alone" {
	mica from --name c --quiet busybox >/dev/null
	[ -z "$(mica exists busybox)" ]
	mica exists c
	mica exists --type image busybox
	mica exists -t container c
	for no in nothing "--type=container busybox" "--type=image c"; do
		# shellcheck disable=SC2086 # an option and a name
		run --separate-stderr mica exists $no
		[ "$status" = 1 ] && [ -z "$output$stderr" ]
	done
	run -125 --separate-stderr mica exists --type pod c
	assert_error "option '--type': 'pod' is not one of 'container', 'image'"
}

@test "a noun in front: the same commands" {
	same() { # "NOUN VERB..." "COMMAND..."
		# shellcheck disable=SC2086 # words
		mica $1 >a 2>&1 || true
		# shellcheck disable=SC2086 # words
		mica $2 >b 2>&1 || true
		cmp a b || fail "'$1' is not '$2': $(cat a)"
	}
	c=$(mica from --name c --quiet busybox)
	same "image ls" images
	same "image list -q" "images -q"
	same "image inspect busybox" "inspect --array --type image busybox"
	[ "$(mica image inspect busybox busybox | jq 'map(.Id) | unique | length')" = 1 ]
	[ "$(mica image inspect busybox | jq '.[0]')" = "$(mica inspect busybox | jq .)" ]
	same "image history busybox" "history busybox"
	same "image tree busybox" "tree busybox"
	same "container ls" containers
	same "container list -q" "containers -q"
	same "container ps" containers
	same ls containers
	same ps containers
	same "container inspect c" "inspect --array c"
	same "container diff c" "diff c"
	same "system df" du
	same "image ls --help" "images --help"
	same "help image rm" "help rmi"
	mica image exists busybox
	mica container exists c
	run -1 mica container exists busybox
	mica image tag busybox other
	mica image rm other >/dev/null
	mica container rename c d
	mica container rm d
	c=$(mica from --quiet busybox)
	mica delete "$c"
	[ -z "$(mica containers -q)" ]
	mica image prune -f >/dev/null
	mica system prune -f >/dev/null
	mica system info >/dev/null
	mica builder prune -f >/dev/null
	mica buildx du >/dev/null
	run -125 --separate-stderr mica image frob
	assert_error "unknown command 'image frob', known are: build, diff, exists, .*tree, untag"
	run -125 --separate-stderr mica image mount x
	assert_error "the command 'image mount' is not supported: a container of it can be mounted"
	c=$(mica from --quiet busybox)
	mkdir "$MICA_ROOT/tmp/0123456789abcdef" # of one that was killed
	[ -z "$(mica container prune -f)" ]
	[ ! -e "$MICA_ROOT/tmp/0123456789abcdef" ]
	[ "$(mica containers --format '{{.ContainerName}}')" = "$c" ]
	mica rm "$c" >/dev/null
	run -0 --separate-stderr mica container rm -f nosuch
	[ -z "$output$stderr" ]
	for word in cp create exec search; do
		run -125 --separate-stderr mica "$word" a b
		assert_error "the command '$word' of docker is not supported: "
	done
	[ "$(mica container)" = "$(mica help container)" ]
	run -125 --separate-stderr mica container -q
	assert_error "'mica container' wants one of: commit, delete, "
}
