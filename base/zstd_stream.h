/* SPDX-License-Identifier: Apache-2.0 */
/* Zstandard (RFC 8878) both ways; windows above 128 MiB (windowLog 27) are refused, so memory stays
 * bounded. */
#pragma once

struct err;
struct reader;
struct writer;

struct reader *reader_unzstd(struct reader *below);
/* level 1..19; 0 the library's default (3). The content checksum is written. */
struct writer *writer_zstd(struct writer *below, int level);
/* What was written to it is a frame of its own, and below by now; more of them may follow. */
int writer_zstd_end_frame(struct writer *w, struct err *err) __attribute__((warn_unused_result));
