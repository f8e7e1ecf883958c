#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox debian peers
	# What buildah gets: it copies all of an image for each layer and container, so beside sanitizers that is a little one of the same shape.
	export BASE=debian:stable
	[ -z "${MICA_SANITIZE:-}" ] || {
		BASE=little
		busybox_rootfs "$T/little"
		mkdir -p "$T/little/etc/apt/preferences.d"
		echo 12 >"$T/little/etc/debian_version"
		cp --remove-destination "$T/little/bin/busybox" "$T/little/bin/true"
		plain_tar "$T/little.tar" "$T/little"
		make_layout "$T/little.layout" '{"Env":["PATH=/usr/bin:/bin"],"Cmd":["sh"]}' "$T/little.tar"
		to_registry "$T/little.layout" library/little
	}
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

# Independent programs agree on what mica makes, and mica on what they make.
sample() { # NAME BASE
	mkdir -p ctx/d
	echo from the context >ctx/d/file
	ln -s file ctx/d/link
	containerfile <<-'END'
		ARG BASE
		FROM $BASE
		COPY --chown=7:9 d /d
		RUN mkdir -p /t/dir && cd /t && echo 1 >hard1 && ln hard1 hard2 && ln -s /t/hard1 abs && mkfifo fifo && mknod null c 1 3 \
		 && chown 1234:4321 dir && chmod 2751 dir && cp /bin/true suid && chmod 4755 suid && : >empty && truncate -s 1M sparse \
		 && touch 'with space' "$(printf 'n\303\244me')" && rm /etc/debian_version && rm -r /etc/apt/preferences.d
		ENV A=b
		WORKDIR /t
		ENTRYPOINT ["/bin/cat"]
		CMD ["/d/file"]
	END
	mica build -q --network=none --build-arg BASE="$2" -t "$1" ctx
}

@test "skopeo and umoci see the tree and the settings that mica has" {
	sample t debian:stable
	mica push -q t "docker://$REG/peers/t:1"
	skopeo copy -q --src-tls-verify=false "docker://$REG/peers/t:1" oci:pulled:t
	umoci unpack --image pulled:t bundle
	mount_image localhost/t:latest m
	tree_list bundle/rootfs >umoci.list
	tree_list m >mica.list
	umount m
	diff mica.list umoci.list
	[ "$(wc -l <mica.list)" -gt 2000 ]
	[ "$(skopeo inspect --config --raw oci:pulled:t | /usr/bin/jq -cS .)" = "$(config_of t | /usr/bin/jq -cS .)" ]
	[ "$(jq -c .process.args bundle/config.json)" = '["/bin/cat","/d/file"]' ]
	[ "$(jq -r .process.cwd bundle/config.json)" = /t ]
}

@test "buildah runs what mica pushed" {
	sample t "$BASE"
	mica push -q t "docker://$REG/peers/t:2"
	buildah pull -q --tls-verify=false "$REG/peers/t:2"
	c=$(buildah from "$REG/peers/t:2")
	[ "$(buildah run --network host "$c" cat /d/file)" = "from the context" ]
	[ "$(buildah run --network host "$c" stat -c '%a %u:%g %F' /t/dir /t/suid /t/fifo /t/null /d/file | tr '\n' ';')" = \
		"2751 1234:4321 directory;4755 0:0 regular file;644 0:0 fifo;644 0:0 character special file;644 7:9 regular file;" ]
	[ "$(buildah run --network host "$c" sh -c 'cat hard1; stat -c %h hard2; ls /etc/debian_version 2>/dev/null | wc -l')" = $'1\n2\n0' ]
	[ "$(buildah inspect "$c" | jq -c .OCIv1.config.Cmd)" = '["/d/file"]' ]
	buildah rm "$c"
	buildah rmi -a -f
}

@test "mica runs what buildah built and pushed, gzip and zstd" {
	mkdir ctx
	echo data >ctx/f
	containerfile <<-'END'
		ARG BASE
		FROM $BASE
		COPY --chown=3:4 f /f
		RUN echo built by buildah >/g && rm /etc/debian_version && chmod 4711 /bin/true
		ENV B=c
		CMD ["cat", "/g"]
	END
	buildah build -q --isolation oci --network host --layers --build-arg BASE="$BASE" -t peer ctx
	for compression in gzip zstd; do
		buildah push -q --tls-verify=false --compression-format $compression peer "docker://$REG/peers/$compression" 2>/dev/null || {
			buildah push -q peer "oci:layout-$compression"
			skopeo copy -q --dest-compress-format $compression --dest-tls-verify=false "oci:layout-$compression" "docker://$REG/peers/$compression"
		}
		mica pull -q "$REG/peers/$compression"
		[ "$(in_image "$REG/peers/$compression")" = "built by buildah" ]
		[ "$(in_image "$REG/peers/$compression" sh -c 'stat -c %a:%u:%g /bin/true /f; echo $B; ls /etc/debian_version 2>/dev/null | wc -l')" = $'4711:0:0\n644:3:4\nc\n0' ]
	done
	assert_clean_store
	buildah rmi -a -f
}

@test "extended attributes and capabilities of files travel" {
	mkdir -p tree/bin
	cp "$(command -v busybox)" tree/bin/busybox
	ln -s busybox tree/bin/sh
	cp "$(command -v busybox)" tree/bin/ping
	setcap cap_net_raw+ep tree/bin/ping
	setfattr -n user.note -v "a note" tree/bin/busybox 2>/dev/null || python3 -c 'import os; os.setxattr("tree/bin/busybox", "user.note", b"a note")'
	plain_tar caps.tar tree
	make_layout caps '{"Env":["PATH=/bin"]}' caps.tar
	to_registry caps library/caps:latest
	containerfile <<-'END'
		FROM caps
		RUN busybox mv /bin/ping /bin/pong && busybox cp /bin/busybox /bin/other
	END
	mica build -q --network=none -t c ctx
	mica push -q c "docker://$REG/peers/caps"
	skopeo copy -q --src-tls-verify=false "docker://$REG/peers/caps" oci:pulled:t
	umoci unpack --image pulled:t bundle
	getcap bundle/rootfs/bin/pong | grep -q 'cap_net_raw'
	python3 -c 'import os; assert os.getxattr("bundle/rootfs/bin/busybox", "user.note") == b"a note"'
	mount_image localhost/c:latest m
	tree_list m >mica.list
	umount m
	tree_list bundle/rootfs | diff mica.list -
}

@test "the same Containerfile gives the same files and settings as with buildah" {
	mkdir -p ctx/d/sub
	echo 1 >ctx/d/one
	echo 2 >ctx/d/sub/two
	chmod 640 ctx/d/one
	containerfile <<-'END'
		FROM busybox
		ARG V=1
		ENV A=$V B="x y"
		LABEL l=1
		WORKDIR /w
		COPY d .
		COPY --chown=5:6 --chmod=755 d/one /bin/one
		ADD d/sub /added/
		RUN echo run >f && mkdir -m 700 g && ln f g/h && rm /bin/vi
		EXPOSE 99
		USER app
		ENTRYPOINT ["sh", "-c"]
		CMD ["true"]
	END
	mica build -q --network=none -t t ctx
	buildah build -q --isolation oci --network host --layers --format oci -t t ctx
	buildah push -q t oci:theirs:t
	umoci unpack --image theirs:t bundle
	mount_image localhost/t:latest m
	tree_list m >mica.list
	umount m
	# buildah leaves the mount points of these behind
	tree_list bundle/rootfs | grep -vE "^b'(run|etc/(hostname|hosts|resolv.conf))' " | diff mica.list -
	# ArgsEscaped is BuildKit's
	ours=$(config_of t | /usr/bin/jq -cS '.config | .Env |= sort | select(.ArgsEscaped) | del(.ArgsEscaped, .Labels["io.buildah.version"])')
	theirs=$(skopeo inspect --raw --config oci:theirs:t | /usr/bin/jq -cS '.config | .Env |= sort | del(.Labels["io.buildah.version"])')
	[ "$ours" = "$theirs" ] || fail "$ours differs from $theirs"
	buildah rmi -a -f
}
