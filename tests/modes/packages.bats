#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A user whom no file knows installs packages: apt drops its privileges, dpkg sets owners, the package makes a user of its own and gives it files.
load ../cli/lib.bash
load ../cli/user.bash

setup_file() {
	[ "$(id -u)" = 0 ] || skip "only root can become somebody else"
	file_setup registry debian
}

teardown() {
	test_teardown
}

setup() {
	test_setup
	MICA_USER=64996
	user_env
	mkdir ctx
}

teardown_file() {
	file_teardown
}

@test "apt-get install as a user without subordinate IDs gives the owners that root's has" {
	local lists=(-v "/var/lib/apt/lists:/var/lib/apt/lists:ro") update=true
	ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || {
		lists=()
		update='apt-get -q update'
	}
	containerfile <<-END
		FROM debian:stable
		RUN $update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends uuid-runtime
		RUN useradd --create-home --shell /bin/sh joe && passwd -l joe && groupadd g && chage -d 1 joe && sed -i s/x/x/ /etc/gshadow && su joe -c 'id -un >/tmp/who; [ "\$(id -G)" = "\$(id -g joe)" ]' && install -o joe -g 7 -m 750 /bin/true /usr/local/bin/theirs
		# it keeps its capabilities until it executes something
		RUN as='setpriv --reuid joe --regid joe --init-groups' && [ "\$(\$as id -G)" = "\$(id -G joe)" ] && ! \$as setpriv --reuid 0 true
		# a signal fails no call of the shell's that nobody but the kernel answers
		RUN for i in \$(seq 50); do /bin/true & for j in \$(seq 20); do [ -e /bin/sh ] || exit 9; done; wait; done
		USER joe
		RUN cd && echo mine >file && [ "\$(id -un)" = joe ]
	END
	chown -R "$MICA_USER:$MICA_USER" ctx
	umica build -q --network=host "${lists[@]}" -t t ctx
	umica build -q -o type=tar,dest=user.tar -f - ctx <<<'FROM localhost/t'
	[ "$(tar -xOf user.tar tmp/who)" = joe ]
	tar --numeric-owner -tvf user.tar | awk '{print $6, $1, $2}' >owners
	joe=$(tar -xOf user.tar etc/passwd | sed -n 's/^joe:x:\([0-9]*:[0-9]*\):.*/\1/p' | tr : /)
	uuidd=$(tar -xOf user.tar etc/passwd | sed -n 's/^uuidd:x:\([0-9]*:[0-9]*\):.*/\1/p' | tr : /)
	grep -qx "home/joe/ drwx[-rx]* $joe" owners
	grep -qx "home/joe/file -rw-r--r-- $joe" owners
	grep -qx "usr/local/bin/theirs -rwxr-x--- ${joe%/*}/7" owners
	grep -qE "^(var/lib/libuuid|run/uuidd)/ .* $uuidd\$" owners
	# set-group-ID programs keep their group: chage, expiry, wall
	grep -qE '^usr/bin/chage -rwxr-sr-x 0/42$' owners
	# who writes such a file anew gives it the owner that it had
	[ "$(grep -cE '^etc/g?shadow-? -rw-r----- 0/42$' owners)" = 4 ]
	umica fsck
}
