/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By which name we were called. A link named buildah is for scripts that look at what buildah
 * prints and refuses, and so is the verb bud, which is buildah's alone and may come by way of an
 * alias; for who calls it so:
 *
 *	errors begin with "Error:" (out.h), those before the last one of several with nothing;
 *	options end at the first positional of the commands that have CMD_BUILDAH_ORDER or
 *	CMD_BUILDAH_WORDS (cmd.h);
 *	build keeps no steps (--layers=false), does one stage after the other (--jobs=1) with
 *	nothing in front of what they print, squashes all layers, takes --pull=false for never,
 *	says not how long steps took, leaves no records of them without --layers, annotates an
 *	image with the time at which it was made, and build/as_buildah.h;
 *	the log of a build's steps is on standard output, and so is what they print; what they
 *	write to standard error is there, where that is another file;
 *	--output of files without --tag keeps the image, too;
 *	config --entrypoint warns of the command that was there where --cmd replaces it, too;
 *	images shows a list with an ID of its own, the date and the size of its document;
 *	build --manifest prints the ID of each image that joined the list;
 *	the ID of what was built is in one place: --iidfile, --logfile or standard output;
 *	RUN --network=host needs no --allow;
 *	warnings are lines of a log: level=warning msg="...";
 *	errors have the words that buildah's scripts look for in front of ours;
 *	commit prints the ID of an image that went elsewhere, too;
 *	commit makes a layer of what the container has changed, be it nothing;
 *	commit leaves times in layers as they are without --rewrite-timestamp and --timestamp;
 *	names of containers may have colons;
 *	an image for linux/arm64/v8 says v8, the variant that BuildKit leaves out;
 *	a short name that is the end of one in the store is that image, where it could be
 *	pulled, too;
 *	an image pulled from oci:DIR:NAME is called docker.io/library/NAME;
 *	help on what is unknown is the overview, and no error;
 *	run takes what is here, containers and images, and pulls only when told to;
 *	run --mount type=bind,rw shows what can be written to, and the writes are discarded;
 *	inspect shows the Config of an image as buildah does, a string, and not docker's;
 *	steps see the cgroup hierarchies of version 1 that they are in;
 *	what --format makes of one thing (inspect, info) has no line end, but on a terminal;
 *	prune removes cache mounts and the step cache, and tells of images only, of which those of
 *	the steps of what stays are left;
 *	rmi --all leaves no step cache;
 *	run and unshare have the status 1 where the command cannot be started;
 *	--version, version and /run/.containerenv tell the version of buildah whose command line
 *	this is, because scripts compare it.
 */
#pragma once
#include <stdbool.h>

/* What `buildah --version` compares as, and which options docs/buildah.md lists. */
#define BUILDAH_VERSION "1.43.2"

/* By the link, or by a verb of called_verb(). */
bool called_buildah(void);
/* To be told before the command's words are read. */
void called_verb(const char *verb);
/* "buildah" or "mica": the program, whichever the verb */
const char *called_name(void);
/* Text for the user that names commands, as 'mica rm', by the name that we were called. New
 * string. */
char *called_hints(const char *text);
