#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What buildah's tutorials teach, in our words and with images that are here, typed as there: buildah is mica. The fourth is about a Go
# library.
load ../cli/lib.bash
unset -f buildah # that of the peers' tests is Debian's

setup_file() {
	file_setup busybox
	printf 'me:%s\n' "$(perl -e 'print crypt("secret", q($2y$05$abcdefghijklmnopqrstuu))')" >"$T/htpasswd"
	start_registry registry REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=here "REGISTRY_AUTH_HTPASSWD_PATH=$T/htpasswd"
	echo 'unqualified-search-registries = ["docker.io"]' >"$CONTAINERS_REGISTRIES_CONF"
}

teardown_file() { file_teardown; }

setup() {
	test_setup
	mkdir bin
	printf '#!/bin/sh\nexec %q --root %q "$@"\n' "$MICA_BIN" "$MICA_ROOT" >bin/buildah
	chmod 755 bin/buildah
	PATH=$PWD/bin:$PATH
	buildah pull -q "oci:$MICA_CACHE/busybox:latest" >/dev/null
	buildah tag "$(buildah images -q)" docker.io/library/busybox:latest
}

teardown() {
	buildah umount --all >/dev/null 2>&1 || true
	test_teardown
}

@test "1: a container is changed, one is made from nothing, and images of them" {
	container=$(buildah from busybox)
	[ "$container" = busybox-working-container ]
	buildah run $container sh -c 'echo tools >/usr/bin/tool'
	run -126 buildah run $container tool

	newcontainer=$(buildah from scratch)
	[ "$newcontainer" = working-container ]
	buildah containers | grep -E 'scratch +working-container'
	run -127 buildah run $newcontainer sh
	scratchmnt=$(buildah mount $newcontainer)
	mkdir -p $scratchmnt/usr/bin $scratchmnt/bin
	cp "$(command -v busybox)" $scratchmnt/bin/sh
	buildah run $newcontainer sh -c 'cd /usr/bin'

	printf '#!/bin/sh\nfor i in 0 1 2; do echo "number $i"; done\n' >runecho.sh
	chmod +x runecho.sh
	buildah copy $newcontainer ./runecho.sh /usr/bin/
	buildah config --cmd /usr/bin/runecho.sh $newcontainer
	buildah run $newcontainer /usr/bin/runecho.sh | grep -x 'number 2'
	buildah config --created-by "by hand" $newcontainer
	buildah config --author "me at example.com" --label name=echo $newcontainer
	buildah inspect $newcontainer | jq -e '.OCIv1.config.Labels.name == "echo"'
	buildah unmount $newcontainer
	buildah commit $newcontainer echo-image
	buildah images | grep -E '^localhost/echo-image +latest'
	buildah inspect --type=image echo-image | jq -e '.OCIv1.author == "me at example.com" and (.OCIv1.history[-1].created_by == "by hand")'
	buildah rm $newcontainer
	buildah run echo-image | grep -x 'number 0'

	cat >Dockerfile <<-'END'
		FROM docker.io/library/busybox:latest
		MAINTAINER me@example.com
		RUN mkdir -p /var/www && echo page >/var/www/index.html
		EXPOSE 80
		CMD ["httpd", "-f", "-h", "/var/www"]
	END
	buildah build -f Dockerfile -t www .
	buildah build -t www
	[ "$(buildah inspect --type image --format '{{.OCIv1.Config.Cmd}}' www)" = "[httpd -f -h /var/www]" ]
}

@test "2: images go to a registry and come from it" {
	buildah tag busybox echo-image
	run buildah push --tls-verify=false echo-image docker://$REG/me/echo-image:latest
	[ "$status" = 125 ]
	buildah push --tls-verify=false --creds=me:secret echo-image docker://$REG/me/echo-image:latest
	skopeo inspect --tls-verify=false --creds me:secret docker://$REG/me/echo-image:latest | jq -e '.Name | endswith("/me/echo-image")'
	buildah rmi echo-image
	run buildah images echo-image
	[ "$status" = 125 ]
	container=$(buildah from --tls-verify=false --creds me:secret $REG/me/echo-image)
	[ "$container" = echo-image-working-container ]
	buildah images | grep -E "^$REG/me/echo-image +latest"
	[ "$(buildah run $container echo there)" = there ]
}

@test "3: triggers for those who build on an image" {
	printf 'FROM busybox\nRUN touch /foo\nONBUILD RUN touch /bar\n' >Dockerfile
	printf 'FROM onbuild-image\nRUN touch /baz\n' >Dockerfile-2
	buildah build --format=docker -f Dockerfile -t onbuild-image .
	[ "$(buildah inspect --format '{{.Docker.Config.OnBuild}}' onbuild-image)" = "[RUN touch /bar]" ]
	buildah build --format=docker -f Dockerfile-2 -t result-image .
	container=$(buildah from result-image:latest)
	buildah run $container ls /bar /foo /baz

	buildah from --format=docker --name onbuild-container busybox
	buildah run onbuild-container touch /foo
	buildah config --onbuild="RUN touch /bar" onbuild-container
	buildah commit --format=docker onbuild-container onbuild-image
	[ "$(buildah inspect --format '{{.Docker.Config.OnBuild}}' onbuild-image)" = "[RUN touch /bar]" ]
	buildah build --format=docker -f Dockerfile-2 -t result-image .
	container=$(buildah from result-image)
	buildah run $container ls /bar /foo /baz
}

@test "5: a build in a container of a cluster, without privileges of its own" {
	echo secret | buildah login --tls-verify=false -u me --password-stdin $REG
	cat >Containerfile-app <<-END
		FROM busybox
		RUN echo app >/app
		USER 1000
		CMD cat /app
	END
	BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs buildah build --layers -t $REG/image-build/app -f Containerfile-app
	buildah push --tls-verify=false $REG/image-build/app
	[ "$(buildah run $REG/image-build/app)" = app ]
	buildah logout $REG
	run buildah push --tls-verify=false $REG/image-build/app
	[ "$status" = 125 ]
}
