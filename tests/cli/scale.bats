#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Memory does not grow with the size of a layer, and little with its files: SCALE_MIB says how large it is, 256 at first, 20480 for the figure that is promised.
load ../cli/lib.bash

setup_file() {
	file_setup registry
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	[ -z "${MICA_SANITIZE:-}" ] || skip "sanitizers take memory of their own"
}

teardown() {
	test_teardown
}

# Runs mica; the largest of its processes takes no more than 64 MiB.
within_memory() { # ARGUMENTS...
	python3 - "$MICA_BIN" --root "$MICA_ROOT" "$@" <<-'END'
		import os, resource, sys
		pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
		status = os.wait4(pid, 0)[1]
		kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
		if os.waitstatus_to_exitcode(status):
		    sys.exit("failed")
		if kib > 64 * 1024:
		    sys.exit("%d KiB resident" % kib)
	END
}

@test "a large layer is built, pushed, pulled and checked in little memory, and stays sparse" {
	mkdir ctx
	truncate -s "${SCALE_MIB:-256}M" ctx/large
	printf 'FROM scratch\nCOPY large /\n' | containerfile
	within_memory build -q --network=none -t large ctx
	within_memory push -q large "docker://$REG/large:1"
	MICA_ROOT=$D/second
	within_memory pull -q "$REG/large:1"
	[ "$(stat -c %s "$MICA_ROOT"/layers/*/large)" = "$(stat -c %s ctx/large)" ]
	# pieces of zeros that are too short to look for are written: of 20 GiB about a mebibyte
	mib=${SCALE_MIB:-256}
	[ "$(stat -c %b "$MICA_ROOT"/layers/*/large)" -lt $((mib > 8000 ? mib / 8 : 1000)) ]
	within_memory fsck
	assert_clean_store
}

@test "a layer of 100,000 files is built and checked in little memory" {
	mkdir ctx
	python3 - <<-'END'
		import os
		for d in range(100):
		    os.mkdir(f"ctx/directory-{d}")
		    for i in range(1000):
		        with open(f"ctx/directory-{d}/a-file-with-a-name-of-usual-length-{i}", "w") as f:
		            f.write(str(d + i))
	END
	# archived as they are read; then copied, since a step looks at them
	printf 'FROM scratch\nCOPY . /\n' | containerfile
	within_memory build -q -t many ctx
	printf 'FROM scratch\nCOPY . /\nWORKDIR /directory-1\n' | containerfile
	within_memory build -q --no-cache -t many ctx
	[ "$(find "$MICA_ROOT"/layers/*/directory-1 -type f | wc -l)" = 1000 ]
	within_memory fsck
}
