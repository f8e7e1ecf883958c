/* SPDX-License-Identifier: Apache-2.0 */
/* A header of a tar archive, which is one block: POSIX.1-2017 pax, "ustar Interchange Format". */
#pragma once

#define TAR_BLOCK 512

struct ustar {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char chksum[8];
	char typeflag;
	char linkname[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char devmajor[8];
	char devminor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a header is one block");
