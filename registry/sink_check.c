/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/err.h"
#include "base/stream.h"
#include "registry/sink.h"

int sink_check_blob(int fd, const struct digest *want, struct err *err)
{
	AUTO_READER struct reader *file = reader_from_fd(fd, "blob");
	AUTO_READER struct reader *hashing = NULL;
	struct hashed h;
	char text[DIGEST_STR_MAX];
	hashed_init(&h, want->alg);
	hashing = reader_hashed(file, &h);
	if (stream_drain(hashing, err) < 0)
		return err->code;
	struct digest have = hash_final(&h.hash);
	if (!digest_equal(&have, want))
		return err_set(err, ERR_CORRUPT,
			"content has digest %s, the store is damaged (see `mica fsck`)",
			digest_str(&have, text));
	return lseek(fd, 0, SEEK_SET) < 0 ? err_sys(err, "cannot read the blob again") : 0;
}
