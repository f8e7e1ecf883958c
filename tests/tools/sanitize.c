/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AddressSanitizer does in mica and mica-remote unless ASAN_OPTIONS says otherwise. Tests
 * start thousands of them, and each stack of an allocation that is remembered costs a page fault:
 * so it is the innermost call alone. ASAN_OPTIONS=malloc_context_size=30 shows all of them.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "malloc_context_size=1";
}
