#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Builds for several platforms, and for one that is not ours.
load lib

setup_file() {
	file_setup registry busybox
	make_bases
}
teardown_file() { file_teardown; }
setup() { test_setup; }
teardown() { test_teardown; }

# docker.io/library/base: an index for amd64, arm64 and s390x, each with a file that says what it is.
make_bases() {
	mkdir "$T/base"
	printf 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\nENV FOR=$TARGETARCH\n' >"$T/base/Containerfile"
	for arch in amd64 arm64 s390x; do
		echo "$arch" >"$T/base/$arch"
	done
	"$MICA_BIN" --root "$T/base.store" build -q --platform linux/amd64,linux/arm64,linux/s390x -t base "$T/base"
	"$MICA_BIN" --root "$T/base.store" push -q --all base "$REG/library/base"
}

platforms_of() { # INDEX, as JSON on standard input
	jq -r '.manifests[].platform | [.os, .architecture, .variant // empty] | join("/")'
}

foreign_arch() {
	[ "$(dpkg --print-architecture)" = arm64 ] && echo amd64 || echo arm64
}

# Prints the directory of busybox and qemu for arm64, out of Debian's packages.
make_emulator() { # DIR
	local opts=(-qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::State=$1/state" -o "Dir::Cache=$1/cache"
		-o Dir::State::status=/dev/null -o Acquire::Languages=none -o APT::Sandbox::User=root)
	mkdir -p "$1"/{state/lists/partial,cache/archives/partial,guest,host}
	apt-get "${opts[@]}" update >&2 || return
	(cd "$1/guest" && apt-get "${opts[@]}" download busybox-static >&2 && dpkg-deb -x ./*.deb .) || return
	(cd "$1/host" && apt-get -qq -o APT::Sandbox::User=root download qemu-user-static >&2 && dpkg-deb -x ./*.deb .) || return
	mv "$1/guest/bin/busybox" "$1/busybox"
	# the name makes it take argv[0] from the kernel (flag P)
	mv "$1/host/usr/bin/qemu-aarch64-static" "$1/aarch64-binfmt-P"
	rm -r "$1"/{state,cache,guest,host}
}

# Runs a command where Linux executes programs for arm64, which nobody else notices (Linux 6.7).
emulated() { # FLAGS COMMAND...
	unshare --user --map-root-user --mount sh -e -c '
		flags=$1
		shift
		mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
		printf "%s" ":mica-test:M::\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:$MICA_CACHE/emulator/aarch64-binfmt-P:$flags" >/proc/sys/fs/binfmt_misc/register
		exec "$@"' sh "$@"
}

need_emulator() {
	[ "$(dpkg --print-architecture)" = amd64 ] || skip "the emulator for arm64 is tried on amd64"
	cached emulator make_emulator 2>"$D/log" || skip "no qemu-user-static and busybox-static:arm64 from Debian: $(tail -n 1 "$D/log")"
	emulated F true 2>"$D/log" || skip "no binfmt_misc of our own can be mounted: $(tail -n 1 "$D/log")"
}

@test "several platforms make an index in the order they were given" {
	mkdir ctx && printf 'FROM scratch\nARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM\nCOPY <<END /p\n$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT $BUILDPLATFORM\nEND\nLABEL p=$TARGETPLATFORM\n' >ctx/Containerfile
	run --separate-stderr mica build --platform linux/s390x,aarch64 --platform linux/arm/7 --platform linux/arm64/v8 -t multi --iidfile id ctx
	[ "$status" = 0 ]
	manifest_of multi >index
	[ "$(platforms_of <index)" = $'linux/s390x\nlinux/arm64\nlinux/arm/v7' ]
	[ "$(jq -r .mediaType index)" = application/vnd.oci.image.index.v1+json ]
	[ "$(cat id)" = "sha256:$(sha index)" ]
	[ "$output" = "$(sha index)" ]
	skopeo copy -q --override-arch arm --override-variant v7 "oci:$MICA_ROOT:localhost/multi:latest" oci:out:x
	[ "$(skopeo inspect --raw --config oci:out:x | jq -r '.config.Labels.p, .architecture, .variant')" = $'linux/arm/v7\narm\nv7' ]
	host=linux/$(dpkg --print-architecture)
	[ "$(tar -xzOf "out/blobs/sha256/$(skopeo inspect --raw oci:out:x | jq -r '.layers[0].digest[7:]')" p)" = "linux/arm/v7 linux arm v7 $host" ]
	# one is no index, whichever it is
	mica build -q --platform linux/s390x -t one ctx
	[ "$(image_id one)" = "$(skopeo inspect --override-arch s390x --raw "oci:$MICA_ROOT:localhost/one:latest" | jq -r .config.digest)" ]
	[ "$(config_of one | jq -r .architecture)" = s390x ]
	# what is left out is the host's
	mica build -q --platform windows/ -t one ctx
	[ "$(config_of one | jq -r .os)" = windows ]
	mica build -q --platform /s390x -t one ctx
	[ "$(config_of one | jq -r '.os + "/" + .architecture')" = linux/s390x ]
	mica build -q --platform linux/riscv64/ -t one ctx
	[ "$(config_of one | jq -r '.os + "/" + .architecture')" = linux/riscv64 ]
	assert_clean_store
}

@test "an image is of the platform that was asked for, whatever its last stage is of" {
	mkdir ctx && printf 'FROM --platform=linux/s390x scratch\nLABEL a=b\n' >ctx/Containerfile
	mica build -q -t s ctx
	[ "$(config_of s | jq -r .architecture)" = "$(dpkg --print-architecture)" ] # as BuildKit
	mica build -q --platform linux/arm/v7 -t arm ctx
	[ "$(config_of arm | jq -r '.architecture, .variant')" = $'arm\nv7' ]
}

@test "what the platforms of a build have in common is done once" {
	containerfile <<-'END'
		FROM --platform=$BUILDPLATFORM busybox AS tools
		RUN echo $$ $(cat /proc/uptime) >/made
		ARG TARGETARCH
		RUN echo $TARGETARCH >/arch
		FROM scratch
		COPY --from=tools /made /arch /
	END
	run --separate-stderr mica build --no-cache --network=none --platform linux/amd64,linux/arm64,linux/riscv64 -t multi ctx
	[ "$status" = 0 ]
	grep -q ' 7 run, 2 cached' <<<"$stderr" || fail "$stderr"
	mica push -q --all multi oci:out
	for arch in amd64 arm64 riscv64; do
		skopeo copy -q --override-arch $arch oci:out dir:$arch
		tar -xzf "$arch/$(jq -r '.layers[-1].digest[7:]' $arch/manifest.json)" -C $arch
		[ "$(cat $arch/arch)" = $arch ]
	done
	cmp amd64/made arm64/made
	cmp amd64/made riscv64/made
	run --separate-stderr mica build --network=none --platform linux/amd64,linux/arm64,linux/riscv64 -t multi ctx
	grep -q ' 0 run, 9 cached' <<<"$stderr" || fail "$stderr"
}

@test "each platform starts from its own base image, which is kept for the next build" {
	printf 'FROM base\nCOPY Containerfile /\n' | (mkdir ctx && cat >ctx/Containerfile)
	mica build -q --platform linux/arm64,linux/s390x -t multi ctx
	for arch in arm64 s390x; do
		skopeo copy -q --override-arch $arch "oci:$MICA_ROOT:localhost/multi:latest" oci:$arch:x
		skopeo inspect --raw --config oci:$arch:x | jq -e --arg a $arch '.architecture == $a and (.config.Env | index("FOR=" + $a))'
	done
	before=$(wc -l <"$T/registry.log")
	mica build -q --platform linux/s390x,linux/arm64 -t multi2 ctx
	[ "$(wc -l <"$T/registry.log")" = "$before" ]
	# no image without a name is left of either
	[[ $(mica images) != *'<none>'* ]]
	run --separate-stderr mica build --platform linux/arm64,linux/riscv64 ctx
	assert_error 'no image found in manifest list for platform linux/riscv64; there are: linux/amd64, linux/arm64, linux/s390x'
	assert_clean_store
}

@test "--all-platforms builds for those that all base images are there for" {
	printf 'FROM base AS a\nFROM --platform=$BUILDPLATFORM busybox AS b\nFROM a\nCOPY Containerfile /\n' | (mkdir ctx && cat >ctx/Containerfile)
	mica build -q --all-platforms -t multi ctx
	[ "$(manifest_of multi | platforms_of)" = $'linux/amd64\nlinux/arm64\nlinux/s390x' ]
	mica build -q --platform linux/s390x,linux/riscv64 -t other - <<<'FROM scratch'
	printf 'FROM other AS a\nCOPY Containerfile /\nFROM base\nCOPY --from=a / /\n' >ctx/Containerfile
	mica build -q --all-platforms -t both ctx
	[ "$(config_of both | jq -r .architecture)" = s390x ]
	# what nobody has a machine for is not built for
	mica build -q --platform linux/s390x,linux/unknown -t odd - <<<'FROM scratch'
	mica build -q --all-platforms -t known - <<<'FROM odd'
	[ "$(config_of known | jq -r .architecture)" = s390x ]
	run --separate-stderr mica build --all-platforms --platform linux/amd64 ctx
	assert_error "cannot be combined"
	run --separate-stderr mica build --all-platforms - <<<'FROM scratch'
	assert_error 'name them with --platform'
	assert_clean_store
}

@test "the store treats an index as one image" {
	id=$(mica build -q --platform linux/amd64,linux/arm64 -t multi "$T/base")
	[ "$(mica images -q --no-trunc)" = "sha256:$id" ]
	mica push -q --all multi docker://"$REG"/multi:1
	[ "$(skopeo inspect --raw --tls-verify=false docker://"$REG"/multi:1 | sha256sum)" = "$(manifest_of multi | sha256sum)" ]
	other=$(foreign_arch)
	mica pull -q --arch "$other" "$REG/multi:1"
	[ "$(mica inspect "$REG/multi:1" | jq -r .OCIv1.architecture)" = "$other" ]
	[ "$(skopeo inspect --raw --config --tls-verify=false --override-arch "$other" docker://"$REG"/multi:1 | sha256sum)" = \
		"$(skopeo inspect --raw --config "oci:$MICA_ROOT:$REG/multi:1" | sha256sum)" ]
	run -125 --separate-stderr mica pull -q --os plan9 "$REG/multi:1"
	assert_error 'no image found in manifest list for platform plan9/'
	mica build -q --platform linux/arm/v6,linux/arm/v7 -t arms - <<<'FROM scratch'
	mica push -q --all arms docker://"$REG"/arms:1
	mica rmi arms >/dev/null
	for variant in v6 v7; do
		mica pull -q --os linux --arch arm --variant $variant "$REG/arms:1"
		[ "$(mica inspect "$REG/arms:1" | jq -r .OCIv1.variant)" = $variant ]
	done
	mica rmi "$REG/arms:1" >/dev/null
	mica pull -q --all-platforms "$REG/multi:1"
	[ "$(skopeo inspect --raw "oci:$MICA_ROOT:$REG/multi:1" | sha256sum)" = "$(manifest_of multi | sha256sum)" ]
	assert_clean_store
	mica prune >/dev/null
	assert_clean_store
	skopeo copy -q --all "oci:$MICA_ROOT:localhost/multi:latest" dir:all
	mica rmi -f multi "$REG/multi:1" >/dev/null
	mica prune -a >/dev/null
	[ -z "$(ls "$MICA_ROOT/blobs/sha256")" ]
}

@test "what is no platform is refused" {
	mkdir ctx && echo 'FROM scratch' >ctx/Containerfile
	for bad in a/b/c/d linux// amd64/v2 nonsense 'linux/am d64' 'linux/amd64,,linux/arm64'; do
		run --separate-stderr mica build --platform "$bad" ctx
		assert_error 'platform|architecture'
	done
	run --separate-stderr mica build --platform linux/amd64,linux/arm64 --arch s390x ctx
	assert_error "'--platform' may not be used with '--os', '--arch'"
	run -125 --separate-stderr mica build --platform linux/amd64 --variant v2 ctx
	assert_error "may not be used with"
	mica build -q --platform local -t x ctx
	[ "$(config_of x | jq -r .architecture)" = "$(dpkg --print-architecture)" ]
	mica build -q --arch armv7l -t x ctx
	[ "$(config_of x | jq -r '.architecture + .variant')" = armv7 ]
}

@test "--os-version and --os-feature are in the config and in the index" {
	mkdir ctx && echo 'FROM scratch' >ctx/Containerfile
	mica build -q --os windows --os-version 10.0.1 --os-feature win32k -t w ctx
	[ "$(config_of w | jq -c '[.os, ."os.version", ."os.features"]')" = '["windows","10.0.1",["win32k"]]' ]
	mica build -q --os windows --os-feature no --os-feature no- --os-feature win32k -t w ctx
	[ "$(config_of w | jq -c '."os.features"')" = '["win32k"]' ]
	[ "$(mica inspect --format '{{.OCIv1.OSFeatures}}' w)" = '[win32k]' ]
	mica build -q --platform windows/amd64,windows/arm64 --os-version 10.0.1 --os-feature win32k -t w ctx
	[ "$(manifest_of w | /usr/bin/jq -c '.manifests[1].platform')" = '{"architecture":"arm64","os":"windows","os.version":"10.0.1","os.features":["win32k"]}' ]
}

@test "a RUN that this machine cannot execute is found before the first step" {
	[ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || skip "this machine executes programs for arm64"
	other=$(foreign_arch)
	[ "$other" = arm64 ] || skip "this machine is arm64"
	printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\267\0' >program
	mkdir -p foreign/bin && mv program foreign/bin/sh && chmod 755 foreign/bin/sh
	printf 'FROM scratch\nCOPY / /\n' | (cat >foreign/Containerfile)
	mica build -q --platform linux/arm64 -t foreign foreign
	containerfile <<-'END'
		FROM --platform=$BUILDPLATFORM busybox AS first
		RUN echo this runs first
		FROM foreign
		COPY --from=first /etc/passwd /
		RUN echo hello
	END
	run --separate-stderr mica build --platform linux/arm64 ctx
	assert_error 'Containerfile:5:1: RUN: the image is for linux/arm64: this machine \(.*\) cannot execute programs for arm64: no handler.*qemu-user-static'
	[[ $stderr != *'this runs first'* ]]
	# without a RUN for it there is nothing to execute
	sed -i '$d' ctx/Containerfile
	mica build -q --platform linux/arm64 ctx
	run --separate-stderr mica run --platform linux/arm64 foreign
	assert_error 'no command|cannot execute programs for arm64'
	run --separate-stderr mica run --platform linux/arm64 foreign sh
	assert_error 'cannot execute programs for arm64: no handler'
}

@test "an image that is not what it says is executed all the same" {
	other=$(foreign_arch)
	printf 'FROM --platform=local busybox AS b\nFROM scratch\nCOPY --from=b / /\n' | (mkdir base && cat >base/Containerfile)
	mica build -q --platform "linux/$other" -t liar base
	printf 'FROM liar\nRUN echo yes >/said\n' | (mkdir ctx && cat >ctx/Containerfile)
	mica build -q --network=none --platform "linux/$other" -t out ctx
	[ "$(in_image --platform "linux/$other" out cat /said)" = yes ]
}

@test "RUN under an emulator" {
	need_emulator
	mkdir -p ctx/amd64 ctx/arm64
	cp "$MICA_CACHE/emulator/busybox" ctx/arm64/
	cp "$(command -v busybox)" ctx/amd64/
	containerfile <<-'END'
		FROM scratch
		ARG TARGETARCH
		COPY $TARGETARCH/busybox /bin/busybox
		SHELL ["/bin/busybox", "sh", "-c"]
		RUN busybox uname -m >/machine && busybox sha256sum /bin/busybox >/sum
	END
	emulated OPF "$MICA_BIN" --root "$MICA_ROOT" build -q --network=none --platform linux/amd64,linux/arm64 -t multi ctx
	[ "$(in_image --platform linux/amd64 multi busybox cat /machine)" = x86_64 ]
	[ "$(emulated OPF "$MICA_BIN" --root "$MICA_ROOT" run --network none --platform linux/arm64 multi busybox cat /machine)" = aarch64 ]
	run --separate-stderr emulated OPF "$MICA_BIN" --root "$MICA_ROOT" run --network none --platform linux/arm64 multi busybox sh -c 'exit 7'
	[ "$status" = 7 ]
}

@test "an emulator that was registered without the flag F has to be in the image" {
	need_emulator
	mkdir -p base/bin ctx
	cp "$MICA_CACHE/emulator/busybox" base/bin/sh
	printf 'FROM scratch\nCOPY bin/sh /bin/sh\n' >base/Containerfile
	mica build -q --platform linux/arm64 -t base base
	printf 'FROM base\nRUN echo yes >/said\n' >ctx/Containerfile
	run --separate-stderr emulated OP "$MICA_BIN" --root "$MICA_ROOT" build -q --network=none --platform linux/arm64 ctx
	assert_error "the emulator '.*aarch64-binfmt-P' is not in it; register it with the flag F"
	cp "$MICA_CACHE/emulator/aarch64-binfmt-P" ctx/
	printf 'FROM base\nCOPY aarch64-binfmt-P %s\nRUN echo yes >/said\n' "$MICA_CACHE/emulator/" >ctx/Containerfile
	emulated OP "$MICA_BIN" --root "$MICA_ROOT" build -q --network=none --platform linux/arm64 ctx
}

@test "a platform that nobody has heard of is refused before anything is pulled" {
	for platform in linux/amd46 linus/amd64 linux/foo/v7; do
		run --separate-stderr mica build --pull=always - <<<"FROM --platform=$platform 127.0.0.1:1/x"
		assert_error "1:6: --platform=$platform: unknown operating system or architecture$([ "$platform" = linux/foo/v7 ] || echo ', did you mean linux/amd64\?')"
	done
	run --separate-stderr mica build --pull=never --platform=linux/amd46 - <<<"FROM 127.0.0.1:1/x"
	assert_error "1:6: .*; --platform=linux/amd46: unknown operating system or architecture, did you mean linux/amd64\?"
	mica build -q - <<<'FROM --platform=linux/foo scratch'
}

@test "an image without an index that is for another platform is taken with a warning" {
	for verb in pull from; do
		run -0 --separate-stderr mica "$verb" --platform linux/s390x "oci:$MICA_CACHE/busybox:latest"
		[[ $stderr == *"warning: image platform (linux/amd64) does not match the expected platform (linux/s390x)"* ]] || fail "$stderr"
		run -0 --separate-stderr mica "$verb" --platform linux/amd64 "oci:$MICA_CACHE/busybox:latest"
		[[ $stderr != *warning* ]] || fail "$stderr"
	done
	# as it is when it is named without a platform
	mica build -q --platform linux/s390x -t foreign - <<<'FROM scratch'
	run -0 --separate-stderr mica from foreign
	[[ $stderr == *"warning: image platform (linux/s390x) does not match the expected platform (linux/"* ]] || fail "$stderr"
}
