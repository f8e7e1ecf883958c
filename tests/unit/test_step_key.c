/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the key of a step: each option of `build`, and each flag of RUN, COPY and ADD, is in
 * it if the step can see it, and only then. An option that is not in the tables here fails the
 * test: whoever adds one decides.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/inst_table.h"
#include "build/step_record.h"
#include "cmd/build_args.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"

#define STEPS 3

enum seen {
	BY_NONE = 0,
	BY_WORKDIR = 1 << 0,
	BY_COPY = 1 << 1,
	BY_RUN = 1 << 2,
	IF_ALLOWED = 1 << 3, /* refused on some machines, or to some users */
};

/* @ is a directory with a few files */
static const char usual[] = "FROM scratch\n"
			    "ARG A=1\n"
			    "ARG SOURCE_DATE_EPOCH\n"
			    "VOLUME /v\n"
			    "WORKDIR /w\n"
			    "COPY <<END /f\ntext\nEND\n"
			    "RUN --mount=type=cache,target=/c --mount=type=secret,id=s "
			    "--mount=type=ssh true\n";

static const struct option_row {
	const char *name; /* of the option */
	const char *words; /* blank-separated */
	unsigned seen; /* the steps that are others with it */
} option_rows[] = {
	/* the environment of steps */
	{"build-arg", "--build-arg=A=2", BY_RUN},
	{"build-arg", "--build-arg=UNKNOWN=2", BY_NONE},
	{"build-arg", "--build-arg=HTTP_PROXY=http://p", BY_NONE},
	{"build-arg", "--build-arg=BUILDKIT_SANDBOX_HOSTNAME=h", BY_RUN},
	{"build-arg", "--build-arg=BUILDKIT_CACHE_MOUNT_NS=n", BY_RUN},
	{"build-arg", "--build-arg=BUILDKIT_MULTI_PLATFORM=1", BY_NONE},
	{"build-arg-secret", "--build-arg-secret=A=2", BY_RUN},
	{"build-arg-file", "--build-arg-file=@/args", BY_RUN},
	{"env", "--env=E=1", BY_RUN},
	{"source-date-epoch", "--source-date-epoch=1", BY_RUN}, /* the ARG is declared */
	{"timestamp", "--timestamp=1", BY_RUN},
	{"http-proxy", "--http-proxy=false", BY_NONE},
	/* the sandbox */
	{"isolation", "--isolation=chroot", BY_RUN},
	{"isolation", "--isolation=oci", BY_NONE},
	{"pid", "--pid=host", BY_RUN | IF_ALLOWED},
	{"pid", "--pid=private", BY_NONE},
	{"ipc", "--ipc=host", BY_RUN},
	{"ipc", "--ipc=/proc/self/ns/ipc", BY_RUN},
	{"uts", "--uts=host", BY_RUN},
	{"uts", "--uts=ns:/proc/self/ns/uts", BY_RUN},
	{"cgroupns", "--cgroupns=host", BY_RUN},
	{"userns", "--userns=private", BY_NONE | IF_ALLOWED}, /* by the same numbers */
	{"userns", "--userns=host", BY_NONE},
	{"userns-uid-map", "--userns-uid-map=0:100000:1000", BY_RUN | IF_ALLOWED},
	{"userns-gid-map", "--userns-uid-map=0:1:9 --userns-gid-map=0:1:8", BY_RUN | IF_ALLOWED},
	{"userns-uid-map-user", "--userns-uid-map-user=containers", BY_RUN | IF_ALLOWED},
	{"userns-gid-map-group", "--userns-gid-map-group=containers", BY_RUN | IF_ALLOWED},
	{"network", "--network=none", BY_RUN},
	{"network", "--network=host", BY_RUN},
	{"network", "--network=ns:/proc/self/ns/net", BY_RUN},
	{"network", "--network=private", BY_NONE},
	{"add-host", "--add-host=one:10.0.0.1", BY_RUN},
	{"no-hosts", "--no-hosts", BY_RUN},
	{"no-hostname", "--no-hostname", BY_NONE}, /* it is for who calls us buildah */
	{"ulimit", "--ulimit=nofile=5:6", BY_RUN},
	{"ulimit", "--ulimit=host", BY_NONE},
	{"shm-size", "--shm-size=1m", BY_RUN},
	{"cap-add", "--cap-add=SYS_PTRACE", BY_RUN},
	{"cap-drop", "--cap-drop=CHOWN", BY_RUN},
	{"security-opt", "--security-opt=seccomp=unconfined", BY_RUN},
	{"security-opt", "--security-opt=seccomp=@/seccomp", BY_RUN},
	{"security-opt", "--security-opt=no-new-privileges", BY_RUN},
	{"security-opt", "--security-opt=mask=/proc/stat", BY_RUN},
	{"security-opt", "--security-opt=unmask=all", BY_RUN},
	{"security-opt", "--security-opt=proc-opts=hidepid=2", BY_RUN},
	{"security-opt", "--security-opt=label=disable", BY_NONE},
	{"device", "--device=/dev/null:/dev/other", BY_RUN},
	{"cdi-config-dir", "--cdi-config-dir=@", BY_NONE}, /* by the device that it is asked for */
	{"group-add", "--group-add=7", BY_RUN},
	{"volume", "--volume=@:/volume", BY_RUN},
	{"compat-volumes", "--compat-volumes", BY_RUN},
	{"stdin", "--stdin", BY_RUN},
	{"allow", "--allow=security.insecure --allow=network.host", BY_NONE},
	/* secrets: their content is asked for, or is none */
	{"secret", "--secret=id=s,src=@/args", BY_NONE},
	{"secret", "--secret=id=s,src=@/args,cache=digest", BY_RUN},
	{"secret", "--secret=id=s,src=@/args,leak=fail", BY_RUN},
	{"ssh", "--ssh=default=@/agent", BY_NONE},
	/* where answers come from, and when a step ends */
	{"dns", "--dns=10.0.0.3", BY_NONE},
	{"dns", "--dns=none", BY_NONE},
	{"dns-search", "--dns-search=a", BY_NONE},
	{"dns-option", "--dns-option=ndots:1", BY_NONE},
	{"memory", "--memory=1g", BY_NONE},
	{"memory-swap", "--memory=1g --memory-swap=2g", BY_NONE},
	{"cpu-period", "--cpu-period=1000", BY_NONE},
	{"cpu-quota", "--cpu-quota=1000", BY_NONE},
	{"cpu-shares", "--cpu-shares=3", BY_NONE},
	{"cpus", "--cpus=1", BY_NONE},
	{"cpuset-cpus", "--cpuset-cpus=0", BY_NONE},
	{"cpuset-mems", "--cpuset-mems=0", BY_NONE},
	{"pids-limit", "--pids-limit=100", BY_NONE},
	{"cgroup-parent", "--cgroup-parent=/p", BY_NONE},
	{"build-timeout", "--build-timeout=1h", BY_NONE},
	{"step-timeout", "--step-timeout=1h", BY_NONE},
	{"disk-limit", "--disk-limit=1g", BY_NONE},
	{"jobs", "--jobs=4", BY_NONE},
	/* by what it selects: base images, arguments that are declared, the emulator */
	{"platform", "--platform=linux/s390x", BY_RUN},
	{"arch", "--arch=s390x", BY_RUN},
	{"os", "--os=linux", BY_NONE},
	{"variant", "--arch=s390x --variant=v1", BY_RUN},
	{"all-platforms", "--all-platforms", BY_NONE},
	{"from", "--from=scratch", BY_NONE},
	{"target", "--target=0", BY_NONE},
	{"build-context", "--build-context=c=@", BY_NONE},
	{"file", "--file=@/args", BY_NONE},
	{"ignorefile", "--ignorefile=@/args", BY_NONE},
	{"hooks-dir", "--hooks-dir=@", BY_NONE},
	{"cpp-flag", "--cpp-flag=-DX", BY_NONE},
	/* how the cache is used */
	{"cache-from", "--cache-from=type=local,src=@", BY_NONE},
	{"cache-to", "--cache-to=type=local,dest=@", BY_NONE},
	{"cache-ttl", "--cache-ttl=1h", BY_NONE},
	{"no-cache", "--no-cache", BY_NONE},
	{"no-cache-filter", "--no-cache-filter=x", BY_NONE},
	{"layers", "--layers=false", BY_NONE},
	{"layer-label", "--layer-label=a=b", BY_NONE},
	{"explain-cache", "--explain-cache", BY_NONE},
	/* what is told */
	{"call", "--call=check", BY_NONE},
	{"check", "--check", BY_NONE},
	{"print", "--print=outline", BY_NONE},
	{"progress", "--progress=plain", BY_NONE},
	{"quiet", "--quiet", BY_NONE},
	{"logfile", "--logfile=@/log", BY_NONE},
	{"logsplit", "--logsplit", BY_NONE},
	{"log-rusage", "--log-rusage", BY_NONE},
	{"rusage-logfile", "--rusage-logfile=@/log", BY_NONE},
	{"on-error", "--on-error=keep", BY_NONE},
	{"force-rm", "--force-rm=false", BY_NONE},
	{"rm", "--rm=false", BY_NONE},
	/* what the image says, and where it goes */
	{"label", "--label=a=b", BY_NONE},
	{"annotation", "--annotation=a=b", BY_NONE},
	{"attest", "--attest=type=provenance", BY_NONE},
	{"blob-cache", "--blob-cache=@/blobs", BY_NONE},
	{"cni-config-dir", "--cni-config-dir=/etc/cni", BY_NONE},
	{"cni-plugin-path", "--cni-plugin-path=/usr/lib/cni", BY_NONE},
	{"created-annotation", "--created-annotation=false", BY_NONE},
	{"disable-compression", "--disable-compression", BY_NONE},
	{"format", "--format=docker", BY_NONE},
	{"identity-label", "--identity-label=false", BY_NONE},
	{"iidfile", "--iidfile=@/iid", BY_NONE},
	{"inherit-annotations", "--inherit-annotations=false", BY_NONE},
	{"inherit-labels", "--inherit-labels=false", BY_NONE},
	{"load", "--load", BY_NONE},
	{"manifest", "--manifest=m", BY_NONE},
	{"metadata-file", "--metadata-file=@/meta", BY_NONE},
	{"omit-history", "--omit-history", BY_NONE},
	{"os-feature", "--os-feature=f", BY_NONE},
	{"os-version", "--os-version=1", BY_NONE},
	{"output", "--output=type=oci,dest=@/out", BY_NONE},
	{"provenance", "--provenance=mode=max", BY_NONE},
	{"push", "--push", BY_NONE},
	{"rewrite-timestamp", "--rewrite-timestamp", BY_NONE},
	{"sbom", "--sbom=syft", BY_NONE},
	{"sbom-image-output", "--sbom-image-output=/s", BY_NONE},
	{"sbom-image-purl-output", "--sbom-image-purl-output=/p", BY_NONE},
	{"sbom-merge-strategy", "--sbom-merge-strategy=cat", BY_NONE},
	{"sbom-output", "--sbom-output=@/sbom", BY_NONE},
	{"sbom-purl-output", "--sbom-purl-output=@/purls", BY_NONE},
	{"sbom-scanner-command", "--sbom-scanner-command={ROOTFS}{OUTPUT}", BY_NONE},
	{"sbom-scanner-image", "--sbom-scanner-image=i", BY_NONE},
	{"sign-by", "--sign-by=me", BY_NONE},
	{"skip-unused-stages", "--skip-unused-stages=false", BY_NONE},
	{"squash", "--squash", BY_NONE},
	{"squash-all", "--squash-all", BY_NONE},
	{"tag", "--tag=t", BY_NONE},
	{"unset-expose", "--unset-expose=1", BY_NONE},
	{"unset-volume", "--unset-volume=/v", BY_NONE},
	{"unsetannotation", "--unsetannotation=a", BY_NONE},
	{"unsetenv", "--unsetenv=PATH", BY_NONE},
	{"unsetlabel", "--unsetlabel=a", BY_NONE},
	/* registries: what comes from them counts by its digest */
	{"authfile", "--authfile=@/args", BY_NONE},
	{"cert-dir", "--cert-dir=@", BY_NONE},
	{"creds", "--creds=a:b", BY_NONE},
	{"decryption-key", "--decryption-key=@/args", BY_NONE},
	{"layer-ratio", "--layer-ratio=9", BY_NONE},
	{"pull", "--pull=never", BY_NONE},
	{"pull-always", "--pull-always", BY_NONE},
	{"pull-never", "--pull-never", BY_NONE},
	{"retry", "--retry=1", BY_NONE},
	{"retry-delay", "--retry-delay=1s", BY_NONE},
	{"signature-policy", "--signature-policy=@/args", BY_NONE},
	{"stall-timeout", "--stall-timeout=1s", BY_NONE},
	{"tls-verify", "--tls-verify=false", BY_NONE},
};

static char top[] = "/tmp/mica-step-key-XXXXXX";

/* @ -> the directory; new string */
static char *filled(const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);
	for (; *text; text++) {
		if (*text == '@')
			buf_addstr(&b, top);
		else
			buf_addch(&b, *text);
	}
	return buf_take(&b);
}

struct keys {
	size_t n;
	struct digest d[STEPS];
};

static int evaluate(const struct build_opts *o, const char *text, struct keys *ret, struct err *err)
{
	struct build_result result = {0};
	struct build b = {.o = o, .result = &result, .context_fd = -1};
	struct containerfile *f = xcalloc(1, sizeof(*f));
	const struct digest below = {0}, inputs = {0};
	int r = secrets_parse(&o->secrets, &o->ssh, &b.secrets, err);
	if (r == 0)
		r = containerfile_parse("f", text, strlen(text), f, err);
	if (r == 0)
		r = stages_plan(f, 1, o, &o->platforms, &b.stages, err);
	b.plans = xcalloc(b.stages.n + 1, sizeof(*b.plans));
	if (r == 0)
		r = stage_evaluate(&b, 0, err);
	ret->n = r == 0 ? b.plans[0].n_steps : 0;
	assert_true(ret->n <= STEPS);
	for (size_t i = 0; i < ret->n; i++)
		ret->d[i] = step_key_of(&b.plans[0].steps[i], &below, &inputs);
	if (r == 0)
		stage_plan_done(&b.plans[0]);
	free(b.plans);
	stages_done(&b.stages);
	secrets_done(&b.secrets);
	build_result_done(&result);
	return r;
}

/* The keys of the file's steps with these words on the command line. */
static int keys_of(const char *words, const char *text, struct keys *ret, struct err *err)
{
	AUTO_STRV struct strv argv = STRV_INIT;
	AUTO_STRV struct strv rest = STRV_INIT;
	AUTO_FREE char *full = filled(words);
	AUTO_FREE void *args = xcalloc(1, cmd_build.args_size);
	struct app app = {0};
	struct build_opts o;
	cmd_build.init(args);
	conf_init(&app.conf);
	build_opts_init(&o);
	if (*full)
		strv_split(&argv, full, ' ');
	int r = opt_parse(
		cmd_build.options, args, "mica build", (int)argv.n, argv.v, 0, &rest, err);
	if (r == 0)
		r = build_args_apply(&app, args, &rest, &o, err);
	if (r == 0)
		r = evaluate(&o, text, ret, err);
	build_opts_done(&o);
	opt_done(cmd_build.options, args);
	conf_done(&app.conf);
	return r;
}

/* Bits of enum seen; -1: refused. */
static int differences(const struct keys *a, const struct keys *b)
{
	int seen = 0;
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		if (!digest_equal(&a->d[i], &b->d[i]))
			seen |= 1 << i;
	return seen;
}

static void each_option(void **state)
{
	struct keys without, with;
	struct err err = ERR_INIT;
	unsigned wrong = 0;
	(void)state;
	if (keys_of("", usual, &without, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(without.n, STEPS);
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		const struct option_row *row = &option_rows[i];
		err_clear(&err);
		if (keys_of(row->words, usual, &with, &err) < 0) {
			print_message("# %s: %s\n", row->words, err.msg);
			wrong += !(row->seen & IF_ALLOWED);
			continue;
		}
		int seen = differences(&without, &with);
		if (seen != (int)(row->seen & ~IF_ALLOWED)) {
			print_message("# %s: %x, not %x\n", row->words, (unsigned)seen, row->seen);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void need_row(const struct opt *o, void *arg)
{
	unsigned *missing = arg;
	switch (o->kind) {
	case OPT_KIND_ALIAS:
	case OPT_KIND_IGNORED:
	case OPT_KIND_IGNORED_BOOL:
	case OPT_KIND_REFUSED:
		return;
	default:
		break;
	}
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
		if (streq(option_rows[i].name, o->name))
			return;
	print_message("# --%s: is it in the key of a step?\n", o->name);
	++*missing;
}

static void no_option_is_left_out(void **state)
{
	unsigned missing = 0;
	(void)state;
	opt_each(cmd_build.options, need_row, &missing);
	assert_int_equal(missing, 0);
}

static const struct flag_row {
	const char *inst, *flag; /* flag NULL: another word of the instruction */
	const char *without, *with;
	bool seen;
} flag_rows[] = {
	{"RUN", NULL, "RUN true", "RUN  true", false},
	{"RUN", NULL, "RUN true", "run true", false},
	{"RUN", NULL, "RUN true", "RUN true false", true},
	{"RUN", NULL, "RUN true", "RUN [\"true\"]", true},
	{"RUN", NULL, "RUN true", "SHELL [\"/bin/ash\", \"-c\"]\nRUN true", true},
	{"RUN", NULL, "RUN true", "USER 1\nRUN true", true},
	{"RUN", NULL, "RUN true", "ENV A=1\nRUN true", true},
	{"RUN", NULL, "RUN true", "LABEL a=1\nEXPOSE 1\nVOLUME /v\nCMD a\nRUN true", false},
	{"RUN", NULL, "RUN <<E\n#!/bin/sh\na\nE", "RUN <<E\n#!/bin/sh\nb\nE", true},
	{"RUN", "network", "RUN true", "RUN --network=none true", true},
	{"RUN", "network", "RUN true", "RUN --network=host true", true},
	{"RUN", "network", "RUN true", "RUN --network=default true", false},
	{"RUN", "security", "RUN true", "RUN --security=insecure true", true},
	{"RUN", "security", "RUN true", "RUN --security=sandbox true", false},
	{"RUN", "device", "RUN true", NULL, false}, /* refused */
#define M "RUN --mount=type="
	{"RUN", "mount", M "tmpfs,dst=/m true",
		"RUN --network=default --mount=type=tmpfs,dst=/m true", false},
	{"RUN", "mount", "RUN true", M "tmpfs,dst=/m true", true},
	{"RUN", "mount", M "tmpfs,dst=/m true", M "tmpfs,dst=/n true", true},
	{"RUN", "mount", M "tmpfs,dst=/m true", M "tmpfs,dst=/m,size=1m true", true},
	{"RUN", "mount", M "tmpfs,dst=/m true", M "tmpfs,dst=/m,tmpfs-mode=700 true", true},
	{"RUN", "mount", M "tmpfs,dst=/m true", M "tmpfs,dst=/m,ro true", true},
	{"RUN", "mount", M "tmpfs,dst=/m true", M "tmpfs,dst=/m,tmpcopyup true", true},
	{"RUN", "mount", M "tmpfs,dst=/m true", M "tmpfs,dst=/m,noexec true", true},
	{"RUN", "mount", M "tmpfs,dst=/m true", M "tmpfs,dst=/m,nosuid true", true},
	{"RUN", "mount", M "tmpfs,dst=/m true", M "tmpfs,dst=/m,nodev true", false},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,id=x true", true},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,id=/m true", false},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,source=s true", true},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,mode=700 true", true},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,uid=1 true", true},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,gid=1 true", true},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,ro true", true},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,sharing=locked true", false},
	{"RUN", "mount", M "cache,dst=/m true", M "cache,dst=/m,z true", false},
	{"RUN", "mount", M "secret,id=a true", M "secret,id=b true", true},
	{"RUN", "mount", M "secret,id=a true", M "secret,id=a,env=E true", true},
	{"RUN", "mount", M "secret,id=a true", M "secret,id=a,mode=444 true", true},
	{"RUN", "mount", M "secret,id=a true", M "secret,id=a,uid=1 true", true},
	{"RUN", "mount", M "secret,id=a true", M "secret,id=a,target=/s true", true},
	{"RUN", "mount", M "secret,id=a true", M "secret,id=a,required=false true", false},
	{"RUN", "mount", M "ssh true", M "ssh,id=x true", true},
	{"RUN", "mount", M "ssh true", M "ssh,mode=666 true", true},
#undef M
	{"COPY", NULL, "COPY <<E /f\na\nE", "COPY <<E /f\nb\nE", true},
	{"COPY", NULL, "COPY <<E /f\na\nE", "COPY <<E /g\na\nE", true},
	{"COPY", NULL, "COPY <<E /f\na\nE", "WORKDIR /\nUSER 1\nENV A=1\nCOPY <<E f\na\nE", false},
	{"COPY", NULL, "COPY <<E /f\na\nE", "ADD <<E /f\na\nE", true},
	{"COPY", "chmod", "COPY <<E /f\na\nE", "COPY --chmod=600 <<E /f\na\nE", true},
	{"COPY", "chown", "COPY <<E /f\na\nE", "COPY --chown=1 <<E /f\na\nE", true},
	{"COPY", "link", "COPY <<E /f\na\nE", "COPY --link <<E /f\na\nE", true},
	{"COPY", "parents", "COPY <<E /f\na\nE", "COPY --parents <<E /f\na\nE", true},
	{"COPY", "exclude", "COPY <<E /f\na\nE", "COPY --exclude=x <<E /f\na\nE", true},
	{"COPY", "from", "COPY --from=scratch /a /b", "COPY --from=scratch /c /b", true},
	{"COPY", NULL, "COPY --from=scratch /a /b", "COPY --from=scratch ./a /b", false},
	{"COPY", NULL, "COPY --from=scratch a/ /b", "COPY --from=scratch /././a/ /b", false},
	{"COPY", NULL, "COPY --from=scratch a /b", "COPY --from=scratch a/ /b", true},
	{"COPY", NULL, "COPY --parents --from=scratch a /b", "COPY --parents --from=scratch ./a /b",
		true},
	{"ADD", "chmod", "ADD <<E /f\na\nE", "ADD --chmod=600 <<E /f\na\nE", true},
	{"ADD", "chown", "ADD <<E /f\na\nE", "ADD --chown=1 <<E /f\na\nE", true},
	{"ADD", "link", "ADD <<E /f\na\nE", "ADD --link <<E /f\na\nE", true},
	{"ADD", "exclude", "ADD <<E /f\na\nE", "ADD --exclude=x <<E /f\na\nE", true},
	{"ADD", "unpack", "ADD <<E /f\na\nE", "ADD --unpack=false <<E /f\na\nE", true},
	/* what is fetched counts by its files, see tests/cli/add.bats */
	{"ADD", "checksum", "ADD <<E /f\na\nE", NULL, false},
	{"ADD", "keep-git-dir", "ADD <<E /f\na\nE", "ADD --keep-git-dir <<E /f\na\nE", false},
	{"WORKDIR", NULL, "WORKDIR /a", "WORKDIR /b", true},
	{"WORKDIR", NULL, "WORKDIR /a", "USER 1\nWORKDIR /a", true},
};

static int key_of_last(const char *lines, struct digest *ret, struct err *err)
{
	struct keys keys;
	AUTO_FREE char *text = xasprintf("FROM scratch\n%s\n", lines);
	int r = keys_of("--allow=security.insecure --allow=network.host", text, &keys, err);
	if (r == 0)
		*ret = keys.d[keys.n - 1];
	return r;
}

static void each_flag(void **state)
{
	unsigned wrong = 0;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(flag_rows); i++) {
		const struct flag_row *row = &flag_rows[i];
		struct err err = ERR_INIT;
		struct digest a, b;
		if (!row->with)
			continue;
		if (key_of_last(row->without, &a, &err) < 0 || key_of_last(row->with, &b, &err) < 0)
			fail_msg("%s: %s", row->with, err.msg);
		if (digest_equal(&a, &b) == row->seen) {
			print_message("# %s: must %sbe seen\n", row->with, row->seen ? "" : "not ");
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void no_flag_is_left_out(void **state)
{
	static const enum inst_kind kinds[] = {INST_RUN, INST_COPY, INST_ADD, INST_WORKDIR};
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		const struct inst_spec *spec = &inst_specs[kinds[k]];
		for (const struct flag_spec *f = spec->flags; f->name; f++) {
			bool found = false;
			for (size_t i = 0; i < ARRAY_LEN(flag_rows); i++)
				found |= streq(flag_rows[i].inst, spec->name) &&
				         flag_rows[i].flag && streq(flag_rows[i].flag, f->name);
			if (!found)
				fail_msg("%s --%s: is it in the key?", spec->name, f->name);
		}
	}
}

static void a_profile_counts_by_its_content(void **state)
{
	static const char option[] = "--security-opt=seccomp=@/other";
	struct keys first, same, edited;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = filled("@/other");
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct keys *k = i == 0 ? &first : i == 1 ? &same : &edited;
		FILE *f = fopen(path, "we");
		assert_non_null(f);
		assert_true(fprintf(f, "{\"defaultAction\": \"SCMP_ACT_%s\"}\n",
				    i < 2 ? "ALLOW" : "LOG") > 0);
		assert_int_equal(fclose(f), 0);
		if (keys_of(option, usual, k, &err) < 0)
			fail_msg("%s", err.msg);
	}
	assert_int_equal(differences(&first, &same), BY_NONE);
	assert_int_equal(differences(&first, &edited), BY_RUN);
}

static int make_files(void **state)
{
	static const struct {
		const char *path, *text;
	} files[] = {
		{"@/args", "A=2\n"}, {"@/seccomp", "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n"}};
	(void)state;
	if (!mkdtemp(top))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_FREE char *path = filled(files[i].path);
		FILE *f = fopen(path, "we");
		if (!f || fputs(files[i].text, f) < 0 || fclose(f) != 0)
			return -1;
	}
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	AUTO_FD int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FREE char *path = filled("@/agent");
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	return agent < 0 || bind(agent, (struct sockaddr *)&at, sizeof(at)) < 0 ? -1 : 0;
}

static int remove_files(void **state)
{
	static const char *const files[] = {"@/args", "@/seccomp", "@/other", "@/agent"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_FREE char *path = filled(files[i]);
		if (unlink(path) < 0)
			return -1;
	}
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_option),
		cmocka_unit_test(no_option_is_left_out),
		cmocka_unit_test(each_flag),
		cmocka_unit_test(no_flag_is_left_out),
		cmocka_unit_test(a_profile_counts_by_its_content),
	};
	/* what the environment says would be one more option */
	(void)unsetenv("SOURCE_DATE_EPOCH");
	(void)unsetenv("BUILDAH_ISOLATION");
	(void)unsetenv("BUILDAH_LAYERS");
	(void)unsetenv("BUILDAH_CPPFLAGS");
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
