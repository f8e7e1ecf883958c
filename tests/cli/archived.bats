# SPDX-License-Identifier: Apache-2.0
# A large COPY goes straight into its layer when nobody looks at its files; it has to be the layer that copying them would have made.
load lib

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
}

teardown() {
	test_teardown
}

# More files than are copied one by one, and of every kind.
large_context() {
	mkdir -p ctx/src/{a,a.b,many,empty,deep/er/est,private,shared} ctx/src/$'n\xc3\xa4me'
	(cd ctx/src/many && seq 2100 | xargs touch)
	for i in 1 2 3; do echo "$i" >"ctx/src/many/$i"; done
	echo x >ctx/src/a/x
	echo y >ctx/src/a.c
	echo deep >ctx/src/deep/er/est/f
	echo latin >ctx/src/$'n\xc3\xa4me/l\xe4tin'
	echo "with blanks" >"ctx/src/with blanks"
	printf '%0120d' 0 >"ctx/src/$(printf '%0120d' 7)"
	truncate -s 1M ctx/src/sparse
	echo middle | dd of=ctx/src/sparse bs=1 seek=500000 conv=notrunc status=none
	head -c 700000 /dev/urandom >ctx/src/random
	ln ctx/src/a.c ctx/src/a/hard
	ln ctx/src/a.c ctx/src/z-hard
	ln -s a/x ctx/src/link
	ln -s /nowhere ctx/src/many/dangling
	chmod 4755 ctx/src/a/x
	chmod 604 ctx/src/random
	chmod 705 ctx/src/private
	chmod 3777 ctx/src/shared
	setfattr -n user.key -v value ctx/src/a.c
	setfattr -n user.dir -v value ctx/src/deep
	touch -d '2020-02-02 02:02:02.123456789' ctx/src/a/x ctx/src/empty
	touch -d '2001-01-01' ctx/src
}

# Builds standard input as NAME, and as NAME-copied with a step that looks at what was copied.
both_ways() { # NAME [OPTION...]
	local name=$1
	shift
	containerfile
	mica build -q "$@" -t "$name" ctx >/dev/null
	[ ! -e "$MICA_ROOT/layers/$(layer_of "$name" -1)" ] || fail "$name was copied"
	echo 'WORKDIR /looks/at/it' >>ctx/Containerfile
	mica build -q --no-cache "$@" -t "$name-copied" ctx >/dev/null
}

layer_of() { # NAME NUMBER: its diff ID
	config_of "$1" | jq -r ".rootfs.diff_ids[$2]" | cut -d : -f 2
}

# What the layer number N of NAME holds, but for the times of the directories that are named.
listing() { # NAME N [DIRECTORY...]
	local blob
	blob=$(manifest_of "$1" | jq -r ".layers[$2].digest" | cut -d : -f 2)
	python3 - "$MICA_ROOT/blobs/sha256/$blob" "${@:3}" <<-'END'
		import hashlib, sys, tarfile
		for m in tarfile.open(sys.argv[1], "r:*"):
		    pax = dict(m.pax_headers)
		    if m.name in sys.argv[2:]:
		        m.mtime = 0
		        pax.pop("mtime", None)
		    content = hashlib.sha256(tarfile.open(sys.argv[1]).extractfile(m).read()).hexdigest() if m.isreg() and m.size < 100 and m.size else m.size
		    print(repr((m.name, m.type, oct(m.mode), m.uid, m.gid, m.mtime, m.linkname, sorted(pax.items()), content)))
	END
}

# bats test_tags=user
@test "a large COPY makes the same layer, byte for byte, whether its files are written or not" {
	large_context
	both_ways scratch <<-'END'
		FROM scratch
		COPY src /
	END
	[ "$(layer_of scratch 0)" = "$(layer_of scratch-copied 0)" ]
	both_ways chosen <<-'END'
		FROM docker.io/library/busybox
		COPY --exclude=**/20?? --exclude=a*/x --chown=app:staff --chmod=u=rwX,go=rX src /
	END
	[ "$(layer_of chosen 1)" = "$(layer_of chosen-copied 1)" ]
	both_ways parents <<-'END'
		FROM docker.io/library/busybox
		COPY --parents --chmod=755 ./src/m* /
	END
	[ "$(layer_of parents 1)" = "$(layer_of parents-copied 1)" ]
	assert_clean_store
}

# bats test_tags=user
@test "a large COPY into directories that are there, and into some that are not" {
	large_context
	containerfile <<-'END'
		FROM docker.io/library/busybox
		RUN mkdir -m 750 -p /srv/there && chown app:staff /srv && ln -s srv/there /way && echo old >/srv/there/a.c && ln -s x /srv/there/random
	END
	mica build -q -t base ctx >/dev/null
	both_ways there <<-'END'
		FROM localhost/base
		COPY --chmod=640 src /way
	END
	listing there 2 >there
	listing there-copied 2 >copied
	diff there copied
	grep -q "'srv', b'5', '0o755', 1000, 50" there
	grep -q "'srv/there', b'5', '0o750', 0, 0, 978307200" there
	both_ways new <<-'END'
		FROM localhost/base
		COPY --chown=7:8 src /way/to/new/
	END
	listing new 2 srv/there srv/there/to >new
	listing new-copied 2 srv/there srv/there/to >copied
	diff new copied
	assert_clean_store
}

@test "the files of a large COPY are there for who looks at them later" {
	large_context
	containerfile <<-'END'
		FROM docker.io/library/busybox
		COPY src /src
	END
	mica build -q -t files ctx >/dev/null
	[ ! -e "$MICA_ROOT/layers/$(layer_of files -1)" ]
	echo 'RUN cat /src/a.c /src/deep/er/est/f >/both && stat -c %i /src/a.c /src/z-hard | uniq | wc -l >>/both' >>ctx/Containerfile
	mica build -t more ctx 2>&1 | tee out
	grep -q cached out
	[ "$(in_image more cat /both)" = $'y\ndeep\n1' ]
	mica build -q -o type=local,dest=files --no-cache ctx >/dev/null
	[ "$(cat files/src/a.c)" = y ]
	assert_clean_store
}

@test "a COPY that is not simple is copied, and says what is wrong with it" {
	large_context
	containerfile <<-'END'
		FROM docker.io/library/busybox
		RUN mkdir -p /at/many /at/random
		COPY src/many /at/many/
	END
	mica build -q -t onto ctx >/dev/null
	sed -i 's|^COPY.*|COPY src /at|' ctx/Containerfile
	run --separate-stderr -125 mica build -q ctx
	assert_error "cannot replace the directory 'random' by a file"
	sed -i 's|^COPY.*|COPY src /etc/passwd/x|' ctx/Containerfile
	run --separate-stderr -125 mica build -q ctx
	assert_error "'/etc/passwd' is not a directory"
	touch ctx/src/many/.wh.gone
	sed -i 's|^COPY.*|COPY src /new|' ctx/Containerfile
	run --separate-stderr -125 mica build -q ctx
	assert_error "names that begin with '.wh.' cannot be stored in a layer"
	rm ctx/src/many/.wh.gone
	mkdir -p ctx/other/many
	touch ctx/other/many/1
	sed -i 's|^COPY.*|COPY src other /new/|' ctx/Containerfile
	mica build -q -t two ctx >/dev/null
	[ "$(in_image two cat /new/many/1 /new/many/2)" = 2 ]
	mica build -q --timestamp 0 -t dated ctx >/dev/null
	assert_clean_store
}
