/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page on standard output. Who calls us buildah gets it as buildah lays it out: scripts look for
 * "Usage:", "Available Commands:" and "Flags:" at the beginning of a line and read what stands
 * below. The words are those of the pages either way.
 */
#pragma once

struct err;
struct help;
struct map;
struct out;
struct strv;

/* The page of a command; called buildah also that of mica itself, with the list of commands.
 * defaults: of options, by name without dashes, as containers.conf sets them; NULL: none */
void help_print(struct out *out, const struct help *h, const struct map *defaults);
/* What `mica FAMILY` alone does: it prints the page, and refuses the words behind it, which are
 * none of its commands; called buildah it prints the page then, too. ERR_INVALID */
int help_print_family(struct out *out, const char *family, const struct strv *rest, struct err *err)
	__attribute__((warn_unused_result));
